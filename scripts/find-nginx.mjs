import { existsSync } from 'node:fs'
import { installPackages } from './install-packages.mjs'

const SYSTEM_PATHS = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx']

/**
 * The path of an nginx: `HOLDFAST_NGINX`, a well-known path, or Debian's package, installed first when this is root.
 *
 * @returns {string}
 */
export function findNginx() {
  const chosen = process.env['HOLDFAST_NGINX']
  if (chosen) {
    if (!existsSync(chosen)) throw new Error(`HOLDFAST_NGINX names ${chosen}, which does not exist.`)
    return chosen
  }
  const locate = () => SYSTEM_PATHS.find((path) => existsSync(path))
  const found = locate() ?? (installPackages(['nginx-light']), locate()) ?? (installPackages(['nginx']), locate())
  if (found) return found
  throw new Error('No nginx was found and none could be installed. Install one, or set HOLDFAST_NGINX to the path of its executable.')
}
