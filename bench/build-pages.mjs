import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Builds the pages as an app would, into a new directory. */
export async function buildPages() {
  const outDir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  await build({
    root: fileURLToPath(new URL('pages', import.meta.url)),
    base: './',
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'es2022', modulePreload: false },
  })
  return outDir
}
