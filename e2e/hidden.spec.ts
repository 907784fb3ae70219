import { launch, type Browser, type Page } from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import type { Lab } from './harness/lab.ts'
import { expect, QUICK, test as base, texts } from './harness/test.ts'

// Playwright keeps every page visible. Under Puppeteer a tab in the background is hidden, and a frozen one does not run.
const test = base.extend<{ chromium: Browser }>({
  chromium: async ({}, use) => {
    const chromium = await launch({ executablePath: findChromium(), args: CHROMIUM_FLAGS, headless: true })
    await use(chromium)
    await chromium.close()
  },
})

async function openTab(chromium: Browser, lab: Lab, hiddenDelayMs = 1_000): Promise<Page> {
  const page = await chromium.newPage()
  await page.goto(lab.pageUrl)
  await page.evaluate(
    (url, reconnect, delayMs) => {
      window.probe.open({ url, reconnect, hiddenDelayMs: delayMs })
      window.probe.subscribe('board')
    },
    lab.liveUrl,
    QUICK,
    hiddenDelayMs,
  )
  await expect.poll(() => page.evaluate(() => window.probe.state().status)).toBe('connected')
  return page
}

async function received(page: Page): Promise<{ data: string; atMs: number }[]> {
  return page.evaluate(() => window.probe.events.filter((event) => event.type === 'message').map(({ data, atMs }) => ({ data, atMs })))
}

test('[I20] a hidden tab gets everything in batches, each within a second, and a visible one at once', async ({ lab, chromium }) => {
  const hidden = await openTab(chromium, lab)
  const visible = await openTab(chromium, lab)
  await visible.bringToFront()
  await expect.poll(() => hidden.evaluate(() => document.visibilityState)).toBe('hidden')
  const publishedAtMs = new Map<string, number>()
  for (const data of texts('message', 40)) {
    publishedAtMs.set(data, Date.now())
    await lab.publish('board', data)
    await expect.poll(() => Date.now() - (publishedAtMs.get(data) ?? 0), { intervals: [5] }).toBeGreaterThanOrEqual(50)
  }
  for (const page of [visible, hidden]) {
    await expect.poll(async () => (await received(page)).map(({ data }) => data)).toEqual(lab.database.get('board'))
  }
  const moments = new Set((await received(hidden)).map(({ atMs }) => Math.round(atMs / 20)))
  const visibleMoments = new Set((await received(visible)).map(({ atMs }) => Math.round(atMs / 20)))
  expect(moments.size).toBeLessThanOrEqual(4)
  expect(visibleMoments.size).toBeGreaterThanOrEqual(10)
  // The first of a batch waits longest: the delay, and what a busy machine adds.
  for (const { data, atMs } of await received(hidden)) expect(atMs - (publishedAtMs.get(data) ?? 0)).toBeLessThan(1_500)

  await lab.publish('board', 'last')
  await hidden.bringToFront()
  await expect.poll(async () => (await received(hidden)).at(-1)?.data).toBe('last')
})

test('[I20] a frozen tab has everything, or a reset, after it thaws', async ({ lab, chromium }) => {
  const frozen = await openTab(chromium, lab)
  const visible = await openTab(chromium, lab)
  await visible.bringToFront()
  await expect.poll(() => frozen.evaluate(() => document.visibilityState)).toBe('hidden')
  const session = await frozen.createCDPSession()
  const check = async (): Promise<void> => {
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await frozen.bringToFront()
    await expect.poll(() => frozen.evaluate(() => window.probe.views['board'])).toEqual(lab.database.get('board'))
  }

  await lab.publish('board', 'before')
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  await lab.publish('board', ...texts('few', 20))
  await expect.poll(() => visible.evaluate(() => window.probe.views['board']?.length)).toBe(21)
  await check()
  expect(await frozen.evaluate(() => window.probe.events.filter(({ type }) => type === 'reset'))).toEqual([])

  // More than the history keeps: the place is lost, and that is said.
  await visible.bringToFront()
  await expect.poll(() => frozen.evaluate(() => document.visibilityState)).toBe('hidden')
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  await lab.publish('board', ...texts('many', 1_500))
  await expect.poll(() => visible.evaluate(() => window.probe.views['board']?.length)).toBe(1_521)
  await check()
  expect(await frozen.evaluate(() => window.probe.events.filter(({ type }) => type === 'reset'))).toEqual([
    { type: 'reset', channel: 'board', reason: 'trimmed' },
  ])
})

test('[SO4] [I26] a tab that was frozen when its user left is closed as it thaws, and hears nothing of what came after', async ({
  lab,
  chromium,
}) => {
  const frozen = await openTab(chromium, lab)
  const visible = await openTab(chromium, lab)
  await lab.publish('board', 'before')
  await expect.poll(() => frozen.evaluate(() => window.probe.views['board'])).toEqual(['before'])
  await visible.bringToFront()
  await expect.poll(() => frozen.evaluate(() => document.visibilityState)).toBe('hidden')
  const session = await frozen.createCDPSession()
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  expect(await visible.evaluate(() => window.probe.connection.signOut())).toEqual({ discarded: 0, serverTold: true })

  // Somebody comes back, and things go on without the frozen tab.
  const next = await openTab(chromium, lab)
  await lab.publish('board', 'after')
  await expect.poll(() => next.evaluate(() => window.probe.views['board'])).toEqual(lab.database.get('board'))
  await session.send('Page.setWebLifecycleState', { state: 'active' })
  await frozen.bringToFront()
  await expect.poll(() => frozen.evaluate(() => window.probe.state().status)).toBe('closed')
  await lab.publish('board', 'last')
  await expect.poll(() => next.evaluate(() => window.probe.views['board']?.at(-1))).toBe('last')
  expect((await received(frozen)).map(({ data }) => data)).toEqual(['before'])
})
