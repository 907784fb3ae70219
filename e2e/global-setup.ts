import { fileURLToPath } from 'node:url'
import { build } from 'vite'

/** Builds the probe page once, as an app would, on the published names. */
export default async function globalSetup(): Promise<void> {
  await build({ configFile: fileURLToPath(new URL('./app/vite.config.ts', import.meta.url)) })
}
