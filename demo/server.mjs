import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { startFaultyLive } from './server/faulty-live.mjs'
import { forwardUpgrade } from './server/forward.mjs'
import { createPageListener } from './server/page.mjs'

/**
 * Builds the demo's page and starts everything on 127.0.0.1: the page, the live server, and the proxies between them.
 *
 * @param {{ port?: number, origins?: readonly string[] }} [options] `port`: 0 (the default) takes a free one; a port that is in use does so, too.
 * `origins`: where else the page may come from.
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function startDemo({ port = 0, origins = [] } = {}) {
  await build({ configFile: fileURLToPath(new URL('vite.config.ts', import.meta.url)), logLevel: 'warn' })
  const server = createServer()
  await listen(server, port)
  const { port: pagePort } = Object(server.address())
  const live = await startFaultyLive([`http://127.0.0.1:${pagePort}`, `http://localhost:${pagePort}`, ...origins])
  server.on('request', createPageListener(fileURLToPath(new URL('dist', import.meta.url)), live))
  server.on('upgrade', (request, socket, head) => forwardUpgrade(live.port, request, socket, head))
  return {
    url: `http://127.0.0.1:${pagePort}/`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await Promise.all([closed, live.close()])
    },
  }
}

/**
 * @param {import('node:http').Server} server
 * @param {number} port
 * @returns {Promise<void>}
 */
function listen(server, port) {
  return new Promise((resolve, reject) => {
    /** @param {NodeJS.ErrnoException} error */
    const failed = (error) => {
      if (error.code === 'EADDRINUSE' && port !== 0) resolve(listen(server, 0))
      else reject(error)
    }
    server.once('error', failed)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed)
      resolve()
    })
  })
}
