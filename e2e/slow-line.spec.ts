import type { Browser, BrowserContext, Page } from '@playwright/test'
import { openLab, type Lab } from './harness/lab.ts'
import { watchServiceWorkers } from './harness/service-worker.ts'
import { eventsOf, expect, hasStatus, openProbe, sendQueued, test, texts } from './harness/test.ts'
import { killSharedWorkers } from './harness/worker.ts'

/** A slow mobile line, and the slowest that is never given up, in bytes a second. */
const SLOW = 20_000
const FLOOR = 4_096
/** How much longer than the line needs something may take. */
const MOST_RATIO = 1.5

interface Scene {
  readonly lab: Lab
  readonly page: Page
}

/** A lab and a connected tab of its own. */
async function inScene<T>(browser: Browser, run: (scene: Scene) => Promise<T>): Promise<T> {
  const lab = await openLab()
  const context: BrowserContext = await browser.newContext()
  try {
    const page = await openProbe(await context.newPage(), lab, { channels: [] })
    await hasStatus(page, 'connected')
    return await run({ lab, page })
  } finally {
    await context.close()
    await lab.close()
  }
}

/**
 * Throttles the line, begins, and waits until all is there. Gives how often the time that the line needs for so many
 * bytes has passed.
 */
async function ratio(lab: Lab, bytes: number, begin: () => Promise<unknown>, isThere: () => boolean | Promise<boolean>): Promise<number> {
  await lab.proxy.set({ kind: 'throttle', bytesPerSecond: SLOW })
  const startedAt = performance.now()
  await begin()
  const lineMs = (bytes / SLOW) * 1_000
  await expect.poll(isThere, { timeout: 3 * lineMs, intervals: [100] }).toBe(true)
  return (performance.now() - startedAt) / lineMs
}

/** Sockets that were opened: one, when nothing was given up. */
const sockets = ({ lab }: Scene): number => lab.sockets.length

test('[P47] [P49] [P51] [I40] on a line of 20 KB/s a long message, a queue and a value need what the line needs; at the floor rate a chat stays connected', async ({
  browser,
}) => {
  test.setTimeout(180_000)
  const message = inScene(browser, async (scene) => {
    const { lab, page } = scene
    const begin = (): Promise<unknown> => sendQueued(page, 'board', ['m'.repeat(250_000)])
    return [await ratio(lab, 250_000, begin, () => lab.applied.length === 1), sockets(scene)]
  })
  const queue = inScene(browser, async (scene) => {
    const { lab, page } = scene
    const texts1K = texts('q'.repeat(990), 600)
    const taken = await ratio(
      lab,
      600_000,
      () => sendQueued(page, 'board', texts1K),
      () => lab.applied.length === 600,
    )
    expect(lab.applied.map(({ data }) => data)).toEqual(texts1K)
    return [taken, sockets(scene)]
  })
  const value = inScene(browser, async (scene) => {
    const { lab, page } = scene
    lab.database.set('doc', ['v'.repeat(600_000)])
    const isThere = async (): Promise<boolean> => (await eventsOf(page, 'snapshot')).length === 1
    return [await ratio(lab, 600_000, () => page.evaluate(() => window.probe.subscribe('doc')), isThere), sockets(scene)]
  })
  const chat = inScene(browser, async (scene) => {
    const { lab, page } = scene
    await lab.proxy.set({ kind: 'throttle', bytesPerSecond: FLOOR })
    lab.database.set('doc', ['v'.repeat(80_000)])
    await page.evaluate(() => window.probe.subscribe('doc'))
    await page.evaluate(() => window.probe.subscribe('board'))
    for (let at = 1; at <= 4; at++) {
      await sendQueued(page, 'board', [`chat ${at}`])
      await expect.poll(() => page.evaluate(() => window.probe.views['board']?.length), { timeout: 15_000 }).toBe(at)
    }
    await expect
      .poll(async () => (await eventsOf(page, 'snapshot')).some(({ channel }) => channel === 'doc'), { timeout: 40_000 })
      .toBe(true)
    const statuses = (await eventsOf(page, 'state')).map(({ state }) => state.status)
    expect(statuses.slice(statuses.indexOf('connected'))).not.toContain('waiting')
    return [0, sockets(scene)]
  })
  const dead = inScene(browser, async ({ lab, page }) => {
    await lab.proxy.set({ kind: 'throttle', bytesPerSecond: SLOW })
    await sendQueued(page, 'board', ['d'.repeat(250_000)])
    await expect.poll(() => lab.proxy.connections.some(({ bytes }) => bytes.toServer > 60_000), { timeout: 10_000 }).toBe(true)
    await lab.proxy.set({ kind: 'blackhole', direction: 'both' })
    const fromMs = Date.now()
    const noticedMs = async (): Promise<number> => {
      const lost = (await eventsOf(page, 'state')).find(({ state, atMs }) => atMs >= fromMs && state.status !== 'connected')
      return lost ? lost.atMs - fromMs : Infinity
    }
    await expect.poll(noticedMs, { timeout: 15_000, intervals: [50] }).toBeLessThanOrEqual(10_000)
    return [0, 1]
  })
  const all = await Promise.all([message, queue, value, chat, dead])
  console.log(`ratios to the line's time: ${all.map(([taken]) => taken?.toFixed(2)).join(', ')}`)
  for (const [taken, opened] of all) {
    expect(taken).toBeLessThan(MOST_RATIO)
    expect(opened).toBe(1)
  }
})

test("[SW10] [P51] [I40] a service worker's batch needs what the line needs", async ({ browser, context, lab, openTab }) => {
  test.setTimeout(90_000)
  const first = await openTab()
  await hasStatus(first, 'connected')
  await first.evaluate(() => window.probe.serve())
  const tag = `holdfast:${await first.evaluate(() => window.probe.scope())}`
  const workers = await watchServiceWorkers(context)
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  const batch = texts('s'.repeat(990), 200)
  await sendQueued(first, 'board', batch)
  await first.close()
  await killSharedWorkers(browser)
  const begin = (): Promise<void> => workers.sync(new URL(lab.pageUrl).origin, tag)
  expect(await ratio(lab, 200_000, begin, () => lab.applied.length === batch.length)).toBeLessThan(MOST_RATIO)
  expect(lab.applied.map(({ data }) => data)).toEqual(batch)
})
