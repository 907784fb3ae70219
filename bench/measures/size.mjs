import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** A file that need not exist, in a place from which the packages are found. */
const ENTRY = fileURLToPath(new URL('../entry-for-size.mjs', import.meta.url))

/**
 * Kilobytes of a script, bundled, minified and compressed. What it starts in a worker is not counted.
 *
 * @param {string} source
 */
export async function measureSize(source) {
  const result = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    worker: { format: 'es' },
    plugins: [{ name: 'entry', resolveId: (id) => (id === ENTRY ? id : null), load: (id) => (id === ENTRY ? source : null) }],
    build: { write: false, target: 'es2022', modulePreload: false, rolldownOptions: { input: ENTRY } },
  })
  const outputs = [result].flat().flatMap((built) => ('output' in built ? built.output : []))
  const entry = outputs.find((output) => output.type === 'chunk' && output.isEntry)
  if (entry?.type !== 'chunk') throw new Error('Nothing was built.')
  return gzipSync(entry.code, { level: 9 }).length / 1_000
}
