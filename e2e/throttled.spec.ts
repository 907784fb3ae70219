import { launch, type Browser, type Page } from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import { openLab } from './harness/lab.ts'
import { openPuppeteerTab } from './harness/puppeteer-tab.ts'
import { expect, test as base, texts } from './harness/test.ts'

/** Drivers switch off what browsers do to pages that nobody sees. */
const WITHOUT_MERCY = [
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
]

const HEARTBEAT = { pingMs: 2_000, hiddenPingMs: 2_000, timeoutMs: 4_000 }

const test = base.extend<{ chromium: Browser }>({
  lab: async ({}, use) => {
    const lab = await openLab({ heartbeat: HEARTBEAT })
    await use(lab)
    await lab.close()
  },
  chromium: async ({}, use) => {
    const chromium = await launch({
      executablePath: findChromium(),
      // Timers of a hidden page run once a minute, from its fifth minute on: here from its second second.
      args: [...CHROMIUM_FLAGS, '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/2'],
      ignoreDefaultArgs: WITHOUT_MERCY,
      headless: true,
    })
    await use(chromium)
    await chromium.close()
  },
})

/** Counts timers of a tenth of a second that follow each other, as a heartbeat in the page would. */
async function countTimers(page: Page): Promise<void> {
  await page.evaluate(() => {
    const counted = Object.assign(window, { ticks: 0 })
    const tick = (): void => {
      counted.ticks++
      setTimeout(tick, 100)
    }
    tick()
  })
}

const ticksOf = (page: Page): Promise<number> => page.evaluate(() => (window as unknown as { ticks: number }).ticks)

test('[HB3] while all tabs are hidden and their timers stand still the connection holds, and a dead one is noticed', async ({
  lab,
  chromium,
}) => {
  test.setTimeout(120_000)
  const tab = await openPuppeteerTab(chromium, lab)
  await countTimers(tab)
  const cover = await chromium.newPage()
  await cover.bringToFront()
  await expect.poll(() => tab.evaluate(() => document.visibilityState)).toBe('hidden')

  // Ten heartbeats, of which the page's timers would have kept none.
  const bytes = (): number => lab.proxy.connections[0]?.bytes.toServer ?? 0
  const sinceMs = Date.now()
  await expect.poll(() => Date.now() - sinceMs, { timeout: 30_000 }).toBeGreaterThan(5_000)
  const [ticks, said] = [await ticksOf(tab), bytes()]
  await expect.poll(() => Date.now() - sinceMs, { timeout: 60_000 }).toBeGreaterThan(25_000)
  expect((await ticksOf(tab)) - ticks).toBeLessThanOrEqual(2)
  expect(bytes()).toBeGreaterThan(said)
  expect(lab.proxy.connections).toHaveLength(1)
  expect(lab.live.metrics().sockets).toBe(1)

  await lab.publish('board', ...texts('hidden', 20))
  await expect.poll(() => tab.evaluate(() => window.probe.views['board']), { timeout: 5_000 }).toEqual(lab.database.get('board'))

  await lab.proxy.set({ kind: 'blackhole', direction: 'both', on: 1 })
  await lab.proxy.waitForConnections(2, 15_000)
  await expect.poll(() => lab.live.metrics().sockets, { timeout: 20_000 }).toBe(1)
  await lab.publish('board', 'by another socket')
  await expect.poll(() => tab.evaluate(() => window.probe.views['board']), { timeout: 10_000 }).toEqual(lab.database.get('board'))
})
