import type { Page } from '@playwright/test'
import { eventsOf, expect, hasStatus, openProbe, QUICK, sendQueued, showsAll, test, texts } from './harness/test.ts'
import type { Lab } from './harness/lab.ts'

/** How soon everything is to work again. */
const SOON_MS = 5_000

/** The ways in which a site is cleared: by the answer to a request, and as a user does in the browser. */
const WAYS: Readonly<Record<string, (page: Page, lab: Lab) => Promise<void>>> = {
  'a header': async (page, lab) => void (await page.evaluate(async (url) => (await fetch(url)).text(), lab.clearingUrl)),
  'the browser': async (page, lab) => {
    const session = await page.context().newCDPSession(page)
    await session.send('Storage.clearDataForOrigin', { origin: new URL(lab.pageUrl).origin, storageTypes: 'all' })
  },
}

/** What a tab has shown since it was connected first, without repeats. */
async function shown(page: Page): Promise<string[]> {
  const states = (await eventsOf(page, 'state')).map(({ state }) => state.status)
  return states.slice(states.indexOf('connected')).filter((status, at, all) => status !== all[at - 1])
}

/** Ten tries in a row are not spent while the network is down (CN6). */
const PATIENT = { connect: { reconnect: { baseDelayMs: 1_000, maxDelayMs: 1_000 } } }

for (const [name, clear] of Object.entries(WAYS)) {
  test(`[SO12] [TB31] [DS10] [I5] two tabs work on when their site is cleared by ${name}, together with those that are loaded later`, async ({
    openTab,
    context,
    lab,
  }) => {
    const [one, two] = [await openTab(PATIENT), await openTab(PATIENT)]
    for (const page of [one, two]) await hasStatus(page, 'connected')
    await lab.proxy.set({ kind: 'refuse' })
    lab.proxy.cutAll()
    await hasStatus(one, 'waiting')
    const waiting = texts('waits', 5)
    await sendQueued(one, 'board', waiting)

    await clear(one, lab)
    // Nothing is written meanwhile.
    for (const page of [one, two]) {
      await expect.poll(() => eventsOf(page, 'lost'), { timeout: SOON_MS }).toEqual([{ type: 'lost', requeued: 5, mayRepeat: [] }])
    }
    await sendQueued(two, 'board', ['sent after'])
    await lab.proxy.set({ kind: 'pass' })
    for (const page of [one, two]) await hasStatus(page, 'connected', SOON_MS)

    const [later, another] = await Promise.all([openTab(PATIENT), openTab(PATIENT)])
    await lab.publish('board', 'as they load')
    // Each within the time, and not one after the other.
    await Promise.all([one, two, later, another].map((page) => hasStatus(page, 'connected', SOON_MS)))
    await Promise.all([one, two, later, another].map((page) => showsAll([page], lab, 'board', SOON_MS)))
    await sendQueued(later, 'board', ['sent later'])
    await expect.poll(() => lab.applied.map(({ data }) => data), { timeout: SOON_MS }).toEqual([...waiting, 'sent after', 'sent later'])
    await showsAll([one, two, later, another], lab, 'board', SOON_MS)
    expect(lab.applied.filter(({ mayRepeat }) => mayRepeat)).toEqual([])

    await openProbe(two, lab, PATIENT)
    await hasStatus(two, 'connected', SOON_MS)
    await lab.publish('board', 'for all')
    await showsAll([one, two, later, another], lab, 'board', SOON_MS)
    expect(lab.live.metrics().sockets).toBe(1)
    expect(await shown(two)).toEqual(['connected'])

    // It may be the one that has the hub.
    await one.close()
    const last = await openProbe(await context.newPage(), lab, PATIENT)
    await hasStatus(last, 'connected', SOON_MS)
    await showsAll([two, later, another, last], lab, 'board', SOON_MS)
    expect(await shown(last)).toEqual(['connected'])
  })
}

test('[TB31] a page that has moved, and whose app empties the document, moves again', async ({ openTab, lab }) => {
  const page = await openTab()
  await hasStatus(page, 'connected')
  await WAYS['a header']?.(page, lab)
  await openTab()
  await expect.poll(() => page.locator('iframe').count(), { timeout: SOON_MS }).toBe(1)
  await hasStatus(page, 'connected', SOON_MS)
  await page.evaluate(() => document.querySelector('iframe')?.remove())
  await expect.poll(() => page.locator('iframe').count(), { timeout: SOON_MS }).toBe(1)
  await hasStatus(page, 'connected', SOON_MS)
  // Not one call: only who is attached is told this.
  await lab.publish('board', 'to the one who moved again')
  await showsAll([page], lab, 'board', SOON_MS)
  expect(lab.live.metrics().sockets).toBe(1)
})

test('[SO12] [TB31] [I26] a user signs out, the answer clears the site, and whoever comes next is served, in that page and in others', async ({
  openTab,
  lab,
}) => {
  const page = await openTab()
  await hasStatus(page, 'connected')
  await page.evaluate(() => window.probe.connection.signOut())
  await WAYS['a header']?.(page, lab)
  await page.evaluate((options) => window.probe.open(options), { url: lab.liveUrl, reconnect: QUICK })
  await hasStatus(page, 'connected', SOON_MS)
  const later = await openTab()
  await hasStatus(later, 'connected', SOON_MS)
  for (const [at, tab] of [page, later].entries()) await sendQueued(tab, 'board', [`from ${at}`])
  await expect.poll(() => lab.applied.map(({ data }) => data).toSorted(), { timeout: SOON_MS }).toEqual(['from 0', 'from 1'])
  for (const tab of [page, later]) await hasStatus(tab, 'connected', SOON_MS)
  expect(lab.live.metrics().sockets).toBe(1)
  expect(await shown(later)).toEqual(['connected'])
})
