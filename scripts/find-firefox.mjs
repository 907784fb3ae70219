import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { installPackages } from './install-packages.mjs'

const SYSTEM_PATHS = [
  '/usr/bin/firefox-esr',
  '/usr/bin/firefox',
  '/snap/bin/firefox',
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
]

/**
 * The path of a Firefox: `HOLDFAST_FIREFOX`, a well-known path, or Debian's `firefox-esr`, installed first when this is root.
 *
 * @returns {string}
 */
export function findFirefox() {
  const chosen = process.env['HOLDFAST_FIREFOX']
  if (chosen) {
    if (!existsSync(chosen)) throw new Error(`HOLDFAST_FIREFOX names ${chosen}, which does not exist.`)
    return chosen
  }
  const locate = () => SYSTEM_PATHS.find((path) => existsSync(path))
  const found = locate() ?? (installPackages(['firefox-esr']), locate())
  if (found) return found
  throw new Error('No Firefox was found and none could be installed. Install one, or set HOLDFAST_FIREFOX to the path of its executable.')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(findFirefox())
