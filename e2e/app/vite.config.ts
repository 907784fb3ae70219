import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { precache } from '../../demo/precache.mjs'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export default defineConfig({
  root: here('.'),
  base: './',
  logLevel: 'warn',
  worker: { format: 'es' },
  plugins: [precache(here('./sw.ts'))],
  build: {
    outDir: here('../dist'),
    emptyOutDir: true,
    minify: false,
    rolldownOptions: { input: [here('./index.html'), here('./strict.html')] },
  },
})
