import type { Page, Worker } from '@playwright/test'
import { launch, type Browser } from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium } from '../../scripts/find-chromium.mjs'
import { openPuppeteerTab } from '../harness/puppeteer-tab.ts'
import { eventsOf, expect, hasStatus, sendQueued, showsAll, test as base, texts } from '../harness/test.ts'

const test = base.extend<{ chromium: Browser }>({
  chromium: async ({}, use) => {
    const chromium = await launch({ executablePath: findChromium(), args: CHROMIUM_FLAGS, headless: true })
    await use(chromium)
    await chromium.close()
  },
})

/** The worker of the one tab that has the hub. */
function hubOf(pages: readonly Page[]): Worker {
  const [hub, ...others] = pages.flatMap((page) => page.workers())
  if (!hub || others.length > 0) throw new Error(`${others.length} hubs too many, or none`)
  return hub
}

/** How long after `sinceMs` the tab showed what only a living hub can have given it. */
async function takenOverAfter(page: Page, text: string, sinceMs: number): Promise<number> {
  const shown = (await eventsOf(page, 'message')).find(({ data }) => data === text)
  return shown ? shown.atMs - sinceMs : Infinity
}

test('[EL4] [I6] the tab with the hub is closed while others send: another takes over within three seconds, nothing is lost', async ({
  lab,
  openTab,
}) => {
  const [leader, second, third] = [await openTab(), await openTab(), await openTab()]
  const others = [second, third]
  for (const page of [leader, ...others]) await hasStatus(page, 'connected')
  expect(leader.workers()).toHaveLength(1)
  expect(hubOf([leader, ...others])).toBe(leader.workers()[0])
  const before = await sendQueued(second, 'board', texts('before', 5))
  const onTheirWay = await Promise.all(others.map((page, at) => page.evaluate((n) => window.probe.send('board', `on its way ${n}`), at)))

  const closedAtMs = Date.now()
  await leader.close()
  await lab.publish('board', 'published')
  for (const page of others) {
    await expect.poll(() => takenOverAfter(page, 'published', closedAtMs), { timeout: 3_000, intervals: [20] }).toBeLessThanOrEqual(3_000)
    await hasStatus(page, 'connected', 3_000)
  }
  hubOf(others)
  await expect.poll(() => lab.applied.length).toBe(7)
  expect(lab.applied.slice(0, 5).map(({ id }) => id)).toEqual(before)
  expect(
    lab.applied
      .slice(5)
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(onTheirWay.flat().toSorted())
  await showsAll(others, lab)
  for (const page of others) expect(await eventsOf(page, 'reset')).toEqual([])
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
})

test('[EL7] [I4] a hub that hangs is replaced within ten seconds, and nothing is lost or doubled', async ({ lab, openTab }) => {
  test.setTimeout(90_000)
  const [leader, follower] = [await openTab(), await openTab()]
  for (const page of [leader, follower]) await hasStatus(page, 'connected')
  await sendQueued(follower, 'board', texts('before', 3))
  const hub = hubOf([leader, follower])

  const hungAtMs = Date.now()
  // Neither the page nor the browser is told, and all its locks stay held.
  void hub.evaluate(() =>
    setTimeout(() => {
      for (;;);
    }),
  )
  const stuck = await Promise.all([leader, follower].map((page, at) => page.evaluate((n) => window.probe.send('board', `stuck ${n}`), at)))
  await lab.publish('board', 'published')
  await expect.poll(() => takenOverAfter(follower, 'published', hungAtMs), { timeout: 15_000, intervals: [50] }).toBeLessThanOrEqual(10_000)
  for (const page of [leader, follower]) await hasStatus(page, 'connected')
  await expect.poll(() => lab.applied.length, { timeout: 15_000 }).toBe(5)
  expect(
    lab.applied
      .slice(3)
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(stuck.flat().toSorted())
  await showsAll([leader, follower], lab)
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
  await expect.poll(() => [leader, follower].flatMap((page) => page.workers()).length).toBe(1)
  for (const page of [leader, follower]) expect(await eventsOf(page, 'restart')).toEqual([])
})

test('[EL6] [I32] the tab with the hub is frozen: one that is seen takes over within ten seconds, and both have everything after it thaws', async ({
  lab,
  chromium,
}) => {
  test.setTimeout(90_000)
  const leader = await openPuppeteerTab(chromium, lab)
  const follower = await openPuppeteerTab(chromium, lab)
  expect(leader.workers()).toHaveLength(1)
  await leader.evaluate(async () => window.probe.queued(window.probe.send('board', 'before')))
  await follower.bringToFront()
  await expect.poll(() => leader.evaluate(() => document.visibilityState)).toBe('hidden')

  const session = await leader.createCDPSession()
  const frozenAtMs = Date.now()
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  await follower.evaluate(() => window.probe.send('board', 'while frozen'))
  await lab.publish('board', 'published')
  await expect
    .poll(() => follower.evaluate(() => window.probe.views['board']), { timeout: 15_000, intervals: [50] })
    .toEqual(expect.arrayContaining(['before', 'published', 'while frozen']))
  expect(Date.now() - frozenAtMs).toBeLessThanOrEqual(10_000)
  expect(follower.workers()).toHaveLength(1)

  await session.send('Page.setWebLifecycleState', { state: 'active' })
  await leader.bringToFront()
  for (const page of [leader, follower]) {
    await expect.poll(() => page.evaluate(() => window.probe.views['board'])).toEqual(lab.database.get('board'))
    await expect.poll(() => page.evaluate(() => window.probe.state().status)).toBe('connected')
  }
  await expect.poll(() => leader.workers().length + follower.workers().length).toBe(1)
  expect(lab.applied.map(({ data }) => data)).toEqual(['before', 'while frozen'])
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
})
