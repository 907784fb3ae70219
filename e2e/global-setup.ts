import { copyFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Builds the probe page once, as an app would, on the published names; beside it the hub's script, as an app without a bundler would serve it. */
export default async function globalSetup(): Promise<void> {
  await build({ configFile: fileURLToPath(new URL('./app/vite.config.ts', import.meta.url)) })
  await copyFile(new URL('../dist/hub.js', import.meta.url), new URL('./dist/hub.js', import.meta.url))
}
