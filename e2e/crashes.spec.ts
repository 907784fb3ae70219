import type { Page } from '@playwright/test'
import { expect, eventsOf, hasStatus, sendQueued, showsAll, test, texts } from './harness/test.ts'
import { killHubs } from './harness/worker.ts'

async function crash(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const crashed = page.waitForEvent('crash')
  session.send('Page.crash').catch(() => {})
  await crashed
}

for (const [which, index] of [
  ['the tab that started the hub', 0],
  ['another tab', 1],
] as const) {
  test(`[I32] after a crash of ${which} the others are connected within two seconds and nothing is lost`, async ({ lab, openTab }) => {
    const pages = [await openTab(), await openTab(), await openTab()]
    for (const page of pages) await hasStatus(page, 'connected')
    const victim = pages[index]
    const others = pages.filter((page) => page !== victim)
    const [sender] = others
    if (!victim || !sender) throw new Error('no tabs')
    await sendQueued(sender, 'board', texts('before', 3))
    await showsAll(pages, lab)

    const ids = await sender.evaluate(() => window.probe.send('board', 'on its way'))
    await crash(victim)
    const crashedAtMs = Date.now()
    await lab.publish('board', 'published')
    for (const page of others) {
      // A tab that has not noticed yet still says connected: what counts is that it shows what was published after the crash.
      await expect
        .poll(() => page.evaluate(() => window.probe.views['board']?.includes('published')), { timeout: 2_000, intervals: [20] })
        .toBe(true)
      await hasStatus(page, 'connected', Math.max(1, 2_000 - (Date.now() - crashedAtMs)))
    }
    await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual([...texts('before', 3), 'on its way'])
    await showsAll(others, lab)
    await expect.poll(() => sender.evaluate(([id]) => window.probe.fates()[id ?? ''], ids)).toBe('applied')
    for (const page of others) expect(await eventsOf(page, 'reset')).toEqual([])
    await expect.poll(() => lab.live.metrics().sockets).toBe(1)
  })
}

test('[I7] a worker killed under live tabs while they send loses nothing and doubles nothing', async ({
  lab,
  openTab,
  browser,
  context,
}) => {
  const pages = [await openTab(), await openTab(), await openTab()]
  for (const page of pages) await hasStatus(page, 'connected')
  const all: string[] = []
  const ids: string[][] = []
  for (let round = 0; round < 4; round++) {
    const batches = pages.map((_, tab) => texts(`tab${tab}-round${round}`, 25))
    all.push(...batches.flat())
    const sending = pages.map((page, tab) =>
      page.evaluate(async (data) => {
        const sent = window.probe.send('board', ...data)
        await window.probe.queued(sent)
        return sent
      }, batches[tab] ?? []),
    )
    if (round > 0) expect(await killHubs(browser, context)).toBe(1)
    ids.push(...(await Promise.all(sending)))
    for (const page of pages) await hasStatus(page, 'connected')
  }
  await expect.poll(() => lab.applied.length, { timeout: 20_000 }).toBe(all.length)
  const applied = lab.applied.map(({ data }) => data)
  expect([...applied].sort()).toEqual([...all].sort())
  pages.forEach((_, tab) => {
    const mine = (text: string): boolean => text.startsWith(`tab${tab}-`)
    expect(applied.filter(mine)).toEqual(all.filter(mine))
  })
  await showsAll(pages, lab)
  for (const page of pages) {
    await expect.poll(() => page.evaluate(() => [...new Set(Object.values(window.probe.fates()))])).toEqual(['applied'])
    expect(await eventsOf(page, 'restart')).toEqual([])
  }
})
