import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { installPackages } from './install-packages.mjs'

const SYSTEM_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
]

/** Flags every Chromium of this repository starts with: it runs as root in containers and must not talk to the outside. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

/**
 * The path of a Chromium that is already on this machine: `HOLDFAST_CHROMIUM`, a well-known path, or Playwright's own download.
 *
 * @returns {string | undefined}
 */
export function locateChromium() {
  const chosen = process.env['HOLDFAST_CHROMIUM']
  if (chosen) {
    if (!existsSync(chosen)) throw new Error(`HOLDFAST_CHROMIUM names ${chosen}, which does not exist.`)
    return chosen
  }
  return [...SYSTEM_PATHS, playwrightPath()].find((path) => existsSync(path))
}

/**
 * The path of a Chromium, installed first where there is none: from Debian's or Ubuntu's packages when this is root, else by Playwright.
 *
 * @returns {string}
 */
export function findChromium() {
  const found = locateChromium() ?? (install(), locateChromium())
  if (found) return found
  throw new Error('No Chromium was found and none could be installed. Install one, or set HOLDFAST_CHROMIUM to the path of its executable.')
}

function install() {
  installPackages(['chromium'])
  if (!locateChromium()) spawnSync('npx', ['playwright', 'install', 'chromium'], { stdio: ['ignore', 2, 2] })
}

/** @returns {string} */
function playwrightPath() {
  return createRequire(import.meta.url)('playwright').chromium.executablePath()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(findChromium())
