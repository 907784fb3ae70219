import { setTimeout as delay } from 'node:timers/promises'
import { openBrowser } from '../browser.mjs'
import { startServer } from '../server-process.mjs'
import { percentile } from '../statistics.mjs'

const TABS = 10
const BURST = 5_000
const PER_SECOND = 100
const WARM_UP = 200

/** Every row that {@link measureDelivery} can give. */
export const DELIVERY_IDS = ['burst.ms', 'burst.cpu', 'paced.p50', 'paced.p99', 'paced.cpu', 'hidden.cpu']

/** @typedef {Record<string, number | null>} Samples By row id; what the server used beside it, under `<id>.server`. */

/**
 * One contender in one round: a fresh server, a fresh browser, ten tabs.
 *
 * @param {string} contender
 * @param {{ site: string, seconds: number, wants: (id: string) => boolean }} options `seconds`: how long messages are paced.
 * @returns {Promise<Samples>}
 */
export async function measureDelivery(contender, { site, seconds, wants }) {
  const server = await startServer(contender, site)
  const browser = await openBrowser()
  try {
    const [port, pagesPort] = [await server.call('open'), await server.call('pages')]
    const address = `http://127.0.0.1:${pagesPort}/?part=${contender}&port=${port}`
    const tabs = await Promise.all(Array.from({ length: TABS }, () => browser.openTab(address)))

    /**
     * Publishes and waits until every tab has handled everything.
     *
     * @param {number} count
     * @param {() => Promise<any>} publish
     */
    const deliver = async (count, publish) => {
      await Promise.all(tabs.map((tab) => tab.run(`bench.begin(${count})`)))
      const serverBefore = await server.call('cpuMs')
      /** @type {{ startedAt: number, tabs: { endedAt: number, latencies: number[] }[] }} */
      const result = { startedAt: 0, tabs: [] }
      const used = await browser.cpuDuring(async () => {
        const finished = Promise.all(tabs.map((tab) => tab.run('bench.finished()')))
        const [startedAt, ends] = await Promise.all([publish(), finished])
        Object.assign(result, { startedAt, tabs: ends })
      })
      return { ...result, used, serverMs: (await server.call('cpuMs')) - serverBefore }
    }
    /** CPU that this many tabs use for nothing, per millisecond. */
    const idleRate = async () => {
      await delay(500)
      const idle = await browser.cpuDuring(() => delay(1_000))
      return idle ? idle.cpuMs / idle.elapsedMs : 0
    }
    const pace = async (/** @type {number} */ rate) => {
      const count = seconds * PER_SECOND
      const run = await deliver(count, () => server.call('pace', count, PER_SECOND))
      const cpuMs = run.used && Math.max(0, run.used.cpuMs - rate * run.used.elapsedMs) / count
      return { cpuMs, serverMs: run.serverMs / count, latencies: run.tabs.flatMap(({ latencies }) => latencies) }
    }

    /** @type {Samples} */
    const samples = {}
    await deliver(WARM_UP, () => server.call('burst', WARM_UP))
    const idle = await idleRate()
    if (wants('paced.p50') || wants('paced.p99') || wants('paced.cpu')) {
      const { cpuMs, serverMs, latencies } = await pace(idle)
      Object.assign(samples, { 'paced.p50': percentile(latencies, 0.5), 'paced.p99': percentile(latencies, 0.99), 'paced.cpu': cpuMs })
      samples['paced.cpu.server'] = serverMs
    }
    if (wants('burst.ms') || wants('burst.cpu')) {
      const { startedAt, tabs: ends, used, serverMs } = await deliver(BURST, () => server.call('burst', BURST))
      samples['burst.ms'] = Math.max(...ends.map(({ endedAt }) => endedAt)) - startedAt
      samples['burst.cpu'] = used && (Math.max(0, used.cpuMs - idle * used.elapsedMs) * 1_000) / BURST
      samples['burst.cpu.server'] = (serverMs * 1_000) / BURST
    }
    if (wants('hidden.cpu')) {
      const [first, ...others] = tabs
      await first?.bringToFront()
      await Promise.all(others.map((tab) => tab.show(false)))
      const { cpuMs, serverMs } = await pace(await idleRate())
      samples['hidden.cpu'] = cpuMs
      samples['hidden.cpu.server'] = serverMs
    }
    return samples
  } catch (error) {
    throw new Error(`${contender}: the run is broken.`, { cause: error })
  } finally {
    await browser.close()
    await server.stop()
  }
}
