// Builds the service worker when everything else is written, with the list of it inside. Most apps have `workbox-build` or a plugin do this.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'vite'

/**
 * @param {string} entry Path of the service worker's source. It finds the list as `PRECACHE`.
 * @returns {import('vite').Plugin}
 */
export function precache(entry) {
  let folder = ''
  return {
    name: 'precache',
    apply: 'build',
    configResolved(config) {
      // The hub is built as a bundle of its own, with the same plugins in some versions.
      folder = config.build.outDir
    },
    closeBundle: {
      sequential: true,
      async handler() {
        const manifest = JSON.stringify(await listFiles(folder))
        await build({
          configFile: false,
          logLevel: 'warn',
          define: { PRECACHE: manifest, 'process.env.NODE_ENV': '"production"' },
          build: {
            outDir: folder,
            emptyOutDir: false,
            target: 'es2022',
            rolldownOptions: { input: entry, output: { format: 'iife', entryFileNames: 'sw.js' } },
          },
        })
      },
    },
  }
}

/**
 * Every file of the built page; those whose name changes with their content need no revision.
 *
 * @param {string} folder
 */
async function listFiles(folder) {
  const names = await readdir(folder, { recursive: true })
  const files = names.filter((name) => /\.\w+$/.test(name) && name !== 'sw.js').toSorted()
  return Promise.all(
    files.map(async (url) => ({
      url,
      revision: url.startsWith('assets/')
        ? null
        : createHash('sha256')
            .update(await readFile(join(folder, url)))
            .digest('hex'),
    })),
  )
}
