// Real processes under real faults: `npm run chaos -- [--minutes M] [--seed S]`. Builds page and programs into a folder of their own, so that runs
// do not disturb each other, and runs them.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'
import { buildPrograms } from '../scripts/build-programs.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
await mkdir(`${here}dist`, { recursive: true })
const folder = await mkdtemp(`${here}dist/`)
try {
  await buildPrograms({ run: `${here}run.ts`, server: `${here}server.ts` }, folder)
  await build({
    root: `${here}page`,
    base: './',
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    build: {
      outDir: `${folder}/site`,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: {
        input: { index: `${here}page/index.html`, away: `${here}page/away.html`, sw: `${here}page/sw.ts` },
        // A service worker has one address.
        output: { entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
      },
    },
  })
  /** @type {typeof import('./run.ts')} */
  const { run } = await import(pathToFileURL(`${folder}/run.mjs`).href)
  process.exitCode = await run(process.argv.slice(2), folder)
} finally {
  await rm(folder, { recursive: true, force: true })
}
