import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url))

/**
 * Bundles the simulator with the product's sources, for a Node that reads no TypeScript.
 *
 * @param {readonly { file: string, find: string, put: string }[]} [edits] deliberate bugs, put into the text of the product on its way into the bundle
 * @returns {Promise<string>} the path of the script
 */
export async function bundle(edits = []) {
  const outDir = mkdtempSync(join(tmpdir(), 'holdfast-sim-'))
  const done = new Set()
  await build({
    root: path('.'),
    configFile: false,
    logLevel: 'warn',
    plugins: [
      {
        name: 'sabotage',
        enforce: 'pre',
        transform(code, id) {
          const mine = edits.filter(({ file }) => id.endsWith(file.startsWith('sw/') ? `/${file}` : `/src/${file}`))
          for (const edit of mine) {
            if (code.split(edit.find).length !== 2) throw new Error(`${edit.file} does not hold exactly once: ${edit.find}`)
            code = code.replace(edit.find, () => edit.put)
            done.add(edit)
          }
          return mine.length > 0 ? code : undefined
        },
      },
    ],
    build: {
      ssr: path('run.ts'),
      outDir,
      emptyOutDir: false,
      target: 'node20',
      minify: false,
      rollupOptions: { output: { entryFileNames: 'run.mjs' } },
    },
    ssr: { noExternal: ['comlink'] },
  })
  const missing = edits.filter((edit) => !done.has(edit))
  if (missing.length > 0) throw new Error(`never bundled: ${missing.map(({ file }) => file).join(', ')}`)
  return join(outDir, 'run.mjs')
}
