// Serves the built page and its control switches.
import { readFile } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'

/** @typedef {Awaited<ReturnType<typeof import('./faulty-live.mjs').startFaultyLive>>} FaultyLive */

/** @type {Readonly<Record<string, string>>} */
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' }

/**
 * @param {string} folder The built page.
 * @param {FaultyLive} live
 */
export function createPageListener(folder, live) {
  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  return (request, response) => {
    answer(folder, live, request, response).catch((error) => {
      const isUnknown = error instanceof URIError || error?.code === 'ENOENT' || error?.code === 'EISDIR'
      if (!response.headersSent) response.writeHead(isUnknown ? 404 : 500)
      response.end()
    })
  }
}

/**
 * @param {string} folder
 * @param {FaultyLive} live
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function answer(folder, live, request, response) {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname.startsWith('/control/')) return control(live, pathname.slice(9), request, response)
  if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405).end()
  const path = pathname === '/' ? 'index.html' : normalize(decodeURIComponent(pathname)).slice(1)
  if (path.split(sep).includes('..')) return void response.writeHead(404).end()
  const file = await readFile(join(folder, path))
  // Everything but the page and the service worker has its hash in its name.
  const isFixed = !path.startsWith('assets/')
  response.writeHead(200, {
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Cache-Control': isFixed ? 'no-cache' : 'public, max-age=31536000, immutable',
    'Content-Security-Policy': `default-src 'self'; connect-src 'self' ws://${request.headers.host}; img-src 'self' data:; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(file)
}

/**
 * Breaks and heals things. It does not go through the proxy, so it works whatever the proxy does.
 *
 * @param {FaultyLive} live
 * @param {string} what
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
async function control(live, what, request, response) {
  if (request.method === 'GET' && what === 'network') {
    return void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ network: live.network() }))
  }
  // Other sites may not press the buttons.
  const { origin, host } = request.headers
  if (request.method !== 'POST' || (origin !== undefined && origin !== `http://${host}`)) return void response.writeHead(403).end()
  switch (what) {
    case 'network/heal':
    case 'network/cut':
    case 'network/blackhole':
    case 'network/slow':
      await live.setNetwork(/** @type {import('../app/faults.ts').NetworkFault} */ (what.slice(8)))
      break
    case 'server/restart':
    case 'server/goodbye':
      await live.restart(what === 'server/restart' ? 'restart' : 'goodbye')
      break
    default:
      return void response.writeHead(404).end()
  }
  response.writeHead(204).end()
}
