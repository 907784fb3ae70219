// Many clients on one server for a long time: `npm run soak -- [--minutes M] [--clients N] [--seed S]`. Builds the programs into a folder of their own and
// runs them.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildPrograms } from '../scripts/build-programs.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
await mkdir(`${here}dist`, { recursive: true })
const folder = await mkdtemp(`${here}dist/`)
try {
  await buildPrograms({ run: `${here}run.ts`, server: `${here}server.ts`, clients: `${here}clients.ts` }, folder)
  /** @type {typeof import('./run.ts')} */
  const { run } = await import(pathToFileURL(`${folder}/run.mjs`).href)
  process.exitCode = await run(process.argv.slice(2), folder)
} finally {
  await rm(folder, { recursive: true, force: true })
}
