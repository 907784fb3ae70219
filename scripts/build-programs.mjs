import { build } from 'vite'

/**
 * Builds TypeScript programs for Node, which cannot run them itself before version 22. Other packages stay imports.
 *
 * @param {Record<string, string>} entries Name of each program, and the path of its file.
 * @param {string} folder Where `<name>.mjs` is written; below the repository, so that packages are found from there.
 */
export async function buildPrograms(entries, folder) {
  await build({
    configFile: false,
    logLevel: 'warn',
    // The published package goes in as it is now: it may be built anew while a program runs.
    ssr: { noExternal: [/^holdfast/] },
    build: {
      ssr: true,
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      sourcemap: 'inline',
      rolldownOptions: { input: entries, output: { entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' } },
    },
  })
}
