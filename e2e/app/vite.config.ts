import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { precache } from '../../demo/precache.mjs'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  logLevel: 'warn',
  worker: { format: 'es' },
  plugins: [precache(fileURLToPath(new URL('./sw.ts', import.meta.url)))],
  build: { outDir: fileURLToPath(new URL('../dist', import.meta.url)), emptyOutDir: true, minify: false },
})
