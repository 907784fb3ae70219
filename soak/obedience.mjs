// A client that keeps everything announced, at every limit at once, for long: `node soak/obedience.mjs [--minutes M]`. The server is a process of its
// own that is stopped for six seconds once a minute. Ends non-zero when the client is closed, or what it sent is not acknowledged.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildPrograms } from '../scripts/build-programs.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
await mkdir(`${here}dist`, { recursive: true })
const folder = await mkdtemp(`${here}dist/`)
try {
  await buildPrograms({ obey: `${here}obey.ts`, 'obeyed-server': `${here}obeyed-server.ts` }, folder)
  /** @type {typeof import('./obey.ts')} */
  const { obey } = await import(pathToFileURL(`${folder}/obey.mjs`).href)
  process.exitCode = await obey(process.argv.slice(2), folder)
} finally {
  await rm(folder, { recursive: true, force: true })
}
