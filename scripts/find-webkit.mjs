import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installPackages } from './install-packages.mjs'

const PACKAGES = ['webkit2gtk-driver', 'xvfb']
const DRIVER = '/usr/bin/WebKitWebDriver'
const DISPLAY_SERVER = '/usr/bin/Xvfb'
const LIBRARIES = ['/usr/lib', '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/libexec']

/**
 * The programs that run WebKitGTK without a screen: its WebDriver, its small browser, and a display server; Debian's packages, installed first when
 * this is root. `HOLDFAST_WEBKIT` names another MiniBrowser.
 *
 * @returns {{ driver: string, browser: string, displayServer: string }}
 */
export function findWebKit() {
  const found = locate() ?? (installPackages(PACKAGES), locate())
  if (found) return found
  throw new Error(`No WebKitGTK was found and none could be installed. It takes Debian's packages ${PACKAGES.join(' and ')}.`)
}

function locate() {
  const chosen = process.env['HOLDFAST_WEBKIT']
  if (chosen && !existsSync(chosen)) throw new Error(`HOLDFAST_WEBKIT names ${chosen}, which does not exist.`)
  const browser = chosen ?? miniBrowsers().at(-1)
  if (!browser || ![DRIVER, DISPLAY_SERVER].every((path) => existsSync(path))) return undefined
  return { driver: DRIVER, browser, displayServer: DISPLAY_SERVER }
}

/** They live beside the libraries, in a folder per version. */
function miniBrowsers() {
  return LIBRARIES.filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.startsWith('webkit'))
        .map((name) => join(folder, name, 'MiniBrowser')),
    )
    .filter((path) => existsSync(path))
    .sort()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(findWebKit())
