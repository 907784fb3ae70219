import { openBrowser } from '../browser.mjs'
import { startServer } from '../server-process.mjs'

const TABS = 20

/**
 * Sockets the server holds when as many tabs are connected.
 *
 * @param {string} contender
 * @param {string} site
 */
export async function measureSockets(contender, site) {
  const server = await startServer(contender, site)
  const browser = await openBrowser()
  try {
    const [port, pagesPort] = [await server.call('open'), await server.call('pages')]
    const address = `http://127.0.0.1:${pagesPort}/?part=${contender}&port=${port}`
    await Promise.all(Array.from({ length: TABS }, () => browser.openTab(address)))
    return { 'sockets.tabs20': /** @type {number} */ (await server.call('sockets')) }
  } finally {
    await browser.close()
    await server.stop()
  }
}
