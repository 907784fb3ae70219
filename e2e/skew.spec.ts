import type { Page } from '@playwright/test'
import { deploy, type Deployment } from './harness/deployment.ts'
import type { Lab } from './harness/lab.ts'
import { eventsOf, expect, hasStatus, openProbe, sendQueued, showsAll, test as base, texts, type TabOptions } from './harness/test.ts'
import { hubsOf, wedgeHub } from './harness/worker.ts'

/** Longest time without a socket while one hub follows another. */
const MAX_ABSENT_MS = 2_000

/** A step of the stored schema that only these tests have. */
const withSchemaStep = (script: string): string =>
  script.replace(/(SCHEMA_STEPS = \[[^\]]*)\]/, "$1, (database) => database.createObjectStore('extra')]")

/** Pages and hubs that speak another version with each other, and none with those of before. */
const withBridge2 = (script: string): string =>
  script.replaceAll(/bridge: 1,/g, 'bridge: 2,').replace(/bridge < 1 \|\| bridge > 1/, 'bridge < 2 || bridge > 2')

interface Skew {
  readonly served: Deployment
  /** Loads a page of that build, which is served from now on. */
  load(build: string, options?: TabOptions): Promise<Page>
}

const test = base.extend<{ skew: Skew }>({
  skew: async ({ lab, context, rung }, use) => {
    const served = await deploy('n')
    await use({
      served,
      async load(build, options = {}) {
        served.build = build
        const pageUrl = served.url + new URL(lab.pageUrl).search
        // A hub in a tab is known by its name alone.
        const connect = rung === 'elected' ? { build, ...options.connect } : (options.connect ?? {})
        return openProbe(await context.newPage(), { ...lab, live: lab.live, pageUrl }, { ...options, connect })
      },
    })
    served.close()
  },
})

/** Sends from every tab, one message after the other, and publishes one for each. */
function traffic(pages: readonly Page[], lab: Lab, name = 'tab'): { stop(): Promise<number> } {
  const over = new AbortController()
  const loops = pages.map(async (page, tab) => {
    let sent = 0
    for (; !over.signal.aborted; sent++) {
      await sendQueued(page, 'board', [`${name}${tab}-${sent}`])
      await lab.publish('board', `published ${name}${tab}-${sent}`)
    }
    return sent
  })
  return {
    async stop() {
      over.abort()
      const counts = await Promise.all(loops)
      return counts.reduce((sum, count) => sum + count, 0)
    },
  }
}

/** Nothing lost, nothing doubled, everything shown in order; never two sockets at once, and never long without one. */
async function holds(pages: readonly Page[], lab: Lab, sent: number): Promise<void> {
  await expect.poll(() => lab.applied.length).toBe(sent)
  expect(new Set(lab.applied.map(({ id }) => id)).size).toBe(sent)
  await showsAll(pages, lab)
  for (const page of pages) {
    expect(await eventsOf(page, 'restart')).toEqual([])
    const messages = await eventsOf(page, 'message')
    expect(new Set(messages.map(({ data }) => data)).size).toBe(messages.length)
  }
  const absences = lab.sockets.slice(1).map(({ acceptedAtMs }, at) => (acceptedAtMs ?? NaN) - (lab.sockets[at]?.endedAtMs ?? NaN))
  for (const absentMs of absences) {
    expect(absentMs).toBeGreaterThanOrEqual(0)
    expect(absentMs).toBeLessThanOrEqual(MAX_ABSENT_MS)
  }
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
}

test('[DS1] [DS2] [DS3] [I4] a build follows another under open tabs and goes back, while messages flow both ways', async ({
  lab,
  skew,
}) => {
  // Six pages and five workers start one after the other.
  test.setTimeout(120_000)
  const pages = [await skew.load('n'), await skew.load('n')]
  for (const page of pages) await hasStatus(page, 'connected')
  const flow = traffic(pages, lab)
  await expect.poll(() => lab.applied.length).toBeGreaterThan(5)
  for (const [at, build] of ['next', 'n', 'next', 'n'].entries()) {
    const page = await skew.load(build)
    await hasStatus(page, 'connected')
    pages.push(page)
    for (const each of pages) await hasStatus(each, 'connected')
    expect(lab.sockets).toHaveLength(at + 2)
    const before = lab.applied.length
    await expect.poll(() => lab.applied.length).toBeGreaterThan(before + 5)
  }
  await holds(pages, lab, await flow.stop())
  // Every tab is at the hub that was started last, and sends through it.
  for (const [at, page] of pages.entries()) await sendQueued(page, 'board', [`last-${at}`])
  await showsAll(pages, lab)
  expect(lab.sockets).toHaveLength(5)
})

test('[DS4] a tab of the older build that wakes, or reloads nothing, never brings its own hub back', async ({
  lab,
  skew,
  browser,
  context,
}) => {
  const old = await skew.load('n')
  await hasStatus(old, 'connected')
  const page = await skew.load('next')
  for (const each of [old, page]) await hasStatus(each, 'connected')
  // As a page does that comes back from the cache.
  await old.evaluate(() => {
    window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))
    window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
  })
  await sendQueued(old, 'board', texts('old', 3))
  await sendQueued(page, 'board', texts('new', 3))
  await holds([old, page], lab, 6)
  expect(lab.sockets).toHaveLength(2)
  expect((await hubsOf(browser, context)).filter((url) => url.includes('/next/'))).toHaveLength(1)
})

test('[DS1] [DS3] [DS8] [I36] a build with another stored schema follows, while messages flow both ways', async ({ lab, skew }) => {
  skew.served.edits.set('next', withSchemaStep)
  const pages = [await skew.load('n'), await skew.load('n')]
  for (const page of pages) await hasStatus(page, 'connected')
  const flow = traffic(pages, lab)
  await expect.poll(() => lab.applied.length).toBeGreaterThan(5)
  pages.push(await skew.load('next'))
  for (const page of pages) {
    await expect.poll(() => page.evaluate(() => window.probe.state())).toMatchObject({ status: 'connected', durable: true })
  }
  const before = lab.applied.length
  await expect.poll(() => lab.applied.length).toBeGreaterThan(before + 5)
  await holds(pages, lab, await flow.stop())
  expect(lab.sockets).toHaveLength(2)
})

test('[DS8] [I36] [I6] a build with another stored schema takes the queue over; the older one says that it cannot, and leaves it', async ({
  lab,
  skew,
}) => {
  skew.served.edits.set('next', withSchemaStep)
  const old = await skew.load('n')
  await hasStatus(old, 'connected')
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(old, 'waiting')
  const ids = await sendQueued(old, 'board', texts('queued', 20))
  const next = await skew.load('next')
  await expect.poll(() => next.evaluate(() => window.probe.state())).toMatchObject({ status: 'waiting', pending: 20, durable: true })
  await lab.proxy.set({ kind: 'pass' })
  for (const page of [old, next]) await hasStatus(page, 'connected')
  await expect.poll(() => lab.applied.map(({ id }) => id)).toEqual(ids)
  await expect.poll(() => old.evaluate(() => Object.values(window.probe.fates()))).toEqual(ids.map(() => 'applied'))

  const back = await skew.load('n')
  await hasStatus(back, 'connected')
  expect(await back.evaluate(() => window.probe.state().durable)).toBe(false)
  expect((await eventsOf(back, 'error')).map(({ code }) => code)).toEqual(['storage-newer'])
  const forward = await skew.load('next')
  const all = [old, next, back, forward]
  for (const page of all) {
    await expect.poll(() => page.evaluate(() => window.probe.state())).toMatchObject({ status: 'connected', durable: true, pending: 0 })
  }
  await showsAll(all, lab)
  expect(lab.applied).toHaveLength(20)
})

test('[DS5] [I4] [I32] a newer hub replaces an older one that is alive but wedged, while messages flow both ways', async ({
  lab,
  skew,
  browser,
  context,
}) => {
  const pages = [await skew.load('n'), await skew.load('n')]
  for (const page of pages) await hasStatus(page, 'connected')
  const flow = traffic(pages, lab)
  await expect.poll(() => lab.applied.length).toBeGreaterThan(5)
  const sent = await flow.stop()
  // Nothing is being stored at that moment: a worker that hangs in the midst of that keeps the database for itself.
  await expect.poll(() => pages[0]?.evaluate(() => window.probe.state().pending)).toBe(0)
  await wedgeHub(browser, context, '/n/')
  const flowOn = traffic(pages, lab, 'on')
  await lab.publish('board', ...texts('published to nobody', 5))
  const next = await skew.load('next')
  await hasStatus(next, 'connected', 30_000)
  pages.push(next)
  for (const page of pages) await hasStatus(page, 'connected')
  const before = lab.applied.length
  await expect.poll(() => lab.applied.length).toBeGreaterThan(before + 5)
  // The wedged worker cannot close its socket: the server does, when the session is resumed.
  await holds(pages, lab, sent + (await flowOn.stop()))
  expect(lab.sockets).toHaveLength(2)
})

test('[DS6] tabs that a newer hub cannot serve say so and go on showing what they have', async ({ lab, skew }) => {
  const old = await skew.load('n')
  await hasStatus(old, 'connected')
  await lab.publish('board', ...texts('before', 3))
  await showsAll([old], lab)
  skew.served.edits.set('next', withBridge2)
  const next = await skew.load('next')
  await hasStatus(next, 'connected')
  await expect.poll(() => old.evaluate(() => window.probe.state())).toMatchObject({ status: 'refused', reason: 'version' })
  expect(await old.evaluate(() => window.probe.views['board'])).toEqual(texts('before', 3))
  // What it sends waits in the page.
  await old.evaluate(() => window.probe.send('board', 'late'))
  await lab.publish('board', 'after')
  await showsAll([next], lab)
  expect(lab.applied).toEqual([])
  // Back to the older build: the newer page is refused in its turn, the older one goes on when the app tries again.
  const back = await skew.load('n')
  await hasStatus(back, 'connected')
  await expect.poll(() => next.evaluate(() => window.probe.state())).toMatchObject({ status: 'refused', reason: 'version' })
  await old.evaluate(() => window.probe.retryNow())
  await hasStatus(old, 'connected')
  await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual(['late'])
  await showsAll([old, back], lab)
})

test('[DS3] a hub at the same address is replaced when the app names another build', async ({ lab, skew }) => {
  const first = await skew.load('n', { connect: { hubUrl: './hub.js', build: '1.0' } })
  const same = await skew.load('n', { connect: { hubUrl: './hub.js', build: '1.0' } })
  for (const page of [first, same]) await hasStatus(page, 'connected')
  expect(lab.sockets).toHaveLength(1)
  const other = await skew.load('n', { connect: { hubUrl: './hub.js', build: '1.1', hiddenDelayMs: 500 } })
  const pages = [first, same, other]
  for (const page of pages) await hasStatus(page, 'connected')
  for (const [at, page] of pages.entries()) await sendQueued(page, 'board', texts(`tab${at}`, 3))
  await holds(pages, lab, 9)
  expect(lab.sockets).toHaveLength(2)
})
