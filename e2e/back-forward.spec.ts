import type { Page } from '@playwright/test'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import type { Lab } from './harness/lab.ts'
import { eventsOf, expect, hasStatus, sendQueued, showsAll, test, texts } from './harness/test.ts'
import { killSharedWorkers } from './harness/worker.ts'

// Playwright switches the back–forward cache off.
test.use({
  launchOptions: { executablePath: findChromium(), args: CHROMIUM_FLAGS, ignoreDefaultArgs: ['--disable-back-forward-cache'] },
})

/** Leaves for another page; the probe stays behind in the cache. The collector runs: what it finds must not be script of a page that is cached. */
async function leave(page: Page, lab: Lab): Promise<void> {
  await page.evaluate(() => Object.assign(window, { left: true }))
  await page.goto(`${lab.pageUrl}hub.js`)
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  await session.detach()
}

/** Comes back to the probe. Gives why the browser had thrown it away; `null` when it is the very page that was left. */
async function comeBack(page: Page, lab: Lab): Promise<unknown> {
  // A page that comes from the cache loads nothing.
  await page.goBack({ waitUntil: 'commit' })
  await page.waitForURL(lab.pageUrl, { waitUntil: 'commit' })
  return page.evaluate(() => {
    if ('left' in window) return null
    const [entry] = performance.getEntriesByType('navigation') as { notRestoredReasons?: { toJSON(): unknown } }[]
    return entry?.notRestoredReasons?.toJSON() ?? 'loaded anew'
  })
}

/** A tab that will be cached and one that stays, both connected. */
async function openTwo(openTab: () => Promise<Page>): Promise<[Page, Page]> {
  const pages: [Page, Page] = [await openTab(), await openTab()]
  for (const page of pages) await hasStatus(page, 'connected')
  return pages
}

test('[TB21] [TB22] a page from the back–forward cache shows within a second what was published meanwhile', async ({ lab, openTab }) => {
  const [cached, other] = await openTwo(openTab)
  await lab.publish('board', ...texts('before', 3))
  await showsAll([cached, other], lab)
  for (let round = 0; round < 3; round++) {
    await leave(cached, lab)
    await lab.publish('board', ...texts(`away-${round}`, 200))
    await sendQueued(other, 'board', texts(`sent-${round}`, 5))
    await expect.poll(() => lab.applied.length).toBe(5 * (round + 1))
    await showsAll([other], lab)
    expect(await comeBack(cached, lab)).toBe(null)
    await showsAll([cached], lab, 'board', 1_000)
    await hasStatus(cached, 'connected', 1_000)
  }
  expect(await eventsOf(cached, 'reset')).toEqual([])
  const received = (await eventsOf(cached, 'message')).map(({ data }) => data)
  expect(received).toEqual([...new Set(received)])
  expect(lab.proxy.connections).toHaveLength(1)
})

test('[TB21] a page that is left while messages pour in stays in the cache, and lacks none of them', async ({ lab, openTab }) => {
  const [cached, other] = await openTwo(openTab)
  let at = 0
  const pouring = setInterval(() => void lab.publish('board', `pour-${at++}`), 10)
  await expect.poll(async () => (await eventsOf(cached, 'message')).length).toBeGreaterThan(20)
  await leave(cached, lab)
  const seen = (await eventsOf(other, 'message')).length
  await expect.poll(async () => (await eventsOf(other, 'message')).length).toBeGreaterThan(seen + 20)
  expect(await comeBack(cached, lab)).toBe(null)
  clearInterval(pouring)
  await showsAll([cached, other], lab)
})

test('[TB21] what a page sends while it is being left is applied at once, and its fate is known when it comes back', async ({
  lab,
  openTab,
}) => {
  const [cached] = await openTwo(openTab)
  await cached.evaluate(() => {
    // As apps do that save a draft: after the connection's own listeners, and the last event but one of a page that is cached.
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && window.probe.send('board', 'draft'))
  })
  await leave(cached, lab)
  await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual(['draft'])
  expect(await comeBack(cached, lab)).toBe(null)
  await showsAll([cached], lab, 'board', 1_000)
  await expect.poll(() => cached.evaluate(() => Object.values(window.probe.fates())), { timeout: 1_000 }).toEqual(['applied'])
  expect(lab.applied).toHaveLength(1)
})

test('[I20] a page from the cache does not go on from a place that is lost: it is reset and shows the truth', async ({ lab, openTab }) => {
  const [cached, other] = await openTwo(openTab)
  await lab.publish('board', 'before')
  await showsAll([cached, other], lab)
  await leave(cached, lab)
  await lab.publish('board', ...texts('many', 1_500))
  await showsAll([other], lab)
  expect(await comeBack(cached, lab)).toBe(null)
  await showsAll([cached], lab, 'board', 1_000)
  expect(await eventsOf(cached, 'reset')).toEqual([{ type: 'reset', channel: 'board', reason: 'trimmed' }])
})

test('[I32] a page from the cache learns within a second that the network is down, and whom its hub was replaced by', async ({
  lab,
  openTab,
  browser,
}) => {
  const [cached, other] = await openTwo(openTab)
  await leave(cached, lab)
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(other, 'waiting')
  expect(await comeBack(cached, lab)).toBe(null)
  await hasStatus(cached, 'waiting', 1_000)

  await leave(cached, lab)
  expect(await killSharedWorkers(browser)).toBe(1)
  await lab.proxy.set({ kind: 'pass' })
  await hasStatus(other, 'connected')
  await lab.publish('board', 'by another hub')
  await showsAll([other], lab)
  expect(await comeBack(cached, lab)).toBe(null)
  await showsAll([cached], lab, 'board', 1_000)
  await hasStatus(cached, 'connected', 1_000)
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
})
