import { join } from 'node:path'
import { defineConfig } from 'vite'
import { precache } from './precache.mjs'

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  worker: { format: 'es' },
  plugins: [precache(join(import.meta.dirname, 'sw.ts'))],
  build: { outDir: join(import.meta.dirname, 'dist'), emptyOutDir: true, target: 'es2022', modulePreload: { polyfill: false } },
})
