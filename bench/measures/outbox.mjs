import { openBrowser } from '../browser.mjs'
import { startServer } from '../server-process.mjs'
import { median } from '../statistics.mjs'

const GROUP = 1_000
const TOTAL = 10_000
/** One message is queued when the page is ready, so that the hub or the database has started. */
const SINGLES = 499

/** Every row that {@link measureOutbox} can give. */
export const OUTBOX_IDS = ['enqueue.single', 'enqueue.group', 'flush.ms']

/**
 * Queues 10,000 messages while nobody listens: some one by one, most in groups. Then the server opens, and all are sent.
 *
 * @param {string} contender Where they are sent to.
 * @param {string} part The page that queues them.
 * @param {string} site
 */
export async function measureOutbox(contender, part, site) {
  const server = await startServer(contender, site)
  const browser = await openBrowser()
  try {
    const [port, pagesPort] = [await server.call('reservePort'), await server.call('pages')]
    const tab = await browser.openTab(`http://127.0.0.1:${pagesPort}/?part=${part}&port=${port}`)
    const groups = []
    for (let queued = GROUP; queued < TOTAL; queued += GROUP) groups.push(await tab.run(`bench.group(${GROUP})`))
    const singlesMs = await tab.run(`bench.singles(${SINGLES})`)
    await tab.run(`bench.group(${TOTAL - groups.length * GROUP - SINGLES - 1})`)
    await server.call('open', port)
    const flushMs = await tab.run('bench.flush()')
    const received = await server.call('received')
    if (received !== TOTAL) throw new Error(`The server got ${received} messages of ${TOTAL}.`)
    return {
      'enqueue.single': (SINGLES * 1_000) / singlesMs,
      'enqueue.group': (GROUP * 1_000) / median(groups),
      'flush.ms': flushMs,
    }
  } catch (error) {
    throw new Error(`${part}: the run is broken.`, { cause: error })
  } finally {
    await browser.close()
    await server.stop()
  }
}
