import type { Browser, BrowserContext } from '@playwright/test'
import { createSeededRandom } from 'holdfast/testing'
import { openLab, type Lab } from './harness/lab.ts'
import { watchServiceWorkers, type ServiceWorkers } from './harness/service-worker.ts'
import { expect, hasStatus, openProbe, sendQueued, test as base, texts } from './harness/test.ts'
import { hubsOf, killSharedWorkers } from './harness/worker.ts'

const SEEDS = 50

/** A lab whose handler tells of each message before it is answered. */
interface SyncLab {
  readonly lab: Lab
  readonly applied: string[]
  /** Awaited by the handler. */
  during: () => void | Promise<void>
}

const test = base.extend<{ scene: SyncLab }>({
  scene: async ({}, use) => {
    const applied: string[] = []
    const lab = await openLab({
      // One client, and more connections than one makes in a minute.
      limits: { sendOnlyPerMinute: 10_000 },
      async onMessage({ data }) {
        applied.push(String(data))
        await scene.during()
      },
    })
    const scene: SyncLab = { lab, applied, during: () => {} }
    await use(scene)
    await lab.close()
  },
})

/** Connects once, so that an outbox token is there. Gives the tag of the scope's sync. */
async function firstVisit(context: BrowserContext, lab: Lab): Promise<string> {
  const page = await openProbe(await context.newPage(), lab)
  await hasStatus(page, 'connected')
  await page.evaluate(() => window.probe.serve())
  const tag = `holdfast:${await page.evaluate(() => window.probe.scope())}`
  await page.close()
  return tag
}

/** Queues with no network, and leaves no tab and no hub behind. */
async function queueAndLeave(browser: Browser, context: BrowserContext, lab: Lab, data: readonly string[]): Promise<void> {
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  const page = await openProbe(await context.newPage(), lab)
  await sendQueued(page, 'board', data)
  await page.close()
  await killSharedWorkers(browser)
  await lab.proxy.set({ kind: 'pass' })
}

/** Dispatches sync events, as the browser does when one was rejected, until the server has everything. */
async function syncUntil(workers: ServiceWorkers, origin: string, tag: string, hasAll: () => boolean): Promise<void> {
  await expect
    .poll(
      async () => {
        await workers.sync(origin, tag)
        return hasAll()
      },
      { timeout: 40_000, intervals: [300] },
    )
    .toBe(true)
}

test(`[I1] [I2] [SW7] [SW10] in ${SEEDS} seeds a sync with no tab open is cut in the middle (worker stopped, network cut, answer lost); every message takes effect once, in order`, async ({
  browser,
  context,
  scene,
}) => {
  test.setTimeout(30_000 + SEEDS * 20_000)
  const { lab, applied } = scene
  const tag = await firstVisit(context, lab)
  const origin = new URL(lab.pageUrl).origin
  const workers = await watchServiceWorkers(context)
  const wanted: string[] = []
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = createSeededRandom(seed)
    const data = texts(`seed-${seed}`, random.integer(1, 20))
    await queueAndLeave(browser, context, lab, data)
    wanted.push(...data)
    const at = applied.length + random.integer(1, data.length)
    const fault = random.integer(0, 2)
    scene.during = async () => {
      if (applied.length !== at) return
      if (fault === 0) await workers.stop()
      else if (fault === 1) lab.proxy.cutAll()
      // The answer finds nobody: it was sent into a line that is cut when it is there.
      else await lab.proxy.set({ kind: 'blackhole', direction: 'toClient' }).then(() => void setImmediate(() => lab.proxy.cutAll()))
    }
    await workers.sync(origin, tag)
    await expect.poll(() => applied.length, { timeout: 20_000, intervals: [20] }).toBeGreaterThanOrEqual(at)
    await lab.proxy.set({ kind: 'pass' })
    await syncUntil(workers, origin, tag, () => applied.length >= wanted.length)
    expect(applied, `seed ${seed}`).toEqual(wanted)
  }
  // A tab sends nothing of it again.
  const page = await openProbe(await context.newPage(), lab)
  await hasStatus(page, 'connected')
  await expect.poll(() => page.evaluate(() => window.probe.state().pending)).toBe(0)
  expect(applied).toEqual(wanted)
})

test('[HU26] [SW6] a hub that lives on without a tab and without a network leaves the outbox to the service worker, and has it back for the next tab', async ({
  browser,
  context,
  scene,
}) => {
  test.setTimeout(90_000)
  const { lab, applied } = scene
  const tag = await firstVisit(context, lab)
  const workers = await watchServiceWorkers(context)
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  const page = await openProbe(await context.newPage(), lab)
  const data = texts('left', 5)
  await sendQueued(page, 'board', data)
  await page.close()
  await lab.proxy.set({ kind: 'pass' })
  const before = await hubsOf(browser, context)
  expect(before).toHaveLength(1)
  // The one event waits for the hub: nobody repeats it.
  await workers.sync(new URL(lab.pageUrl).origin, tag)
  await expect.poll(() => applied, { timeout: 20_000, intervals: [50] }).toEqual(data)
  expect(await hubsOf(browser, context)).toEqual(before)
  const next = await openProbe(await context.newPage(), lab)
  await hasStatus(next, 'connected')
  await sendQueued(next, 'board', ['later'])
  await expect.poll(() => next.evaluate(() => window.probe.state().pending)).toBe(0)
  expect(applied).toEqual([...data, 'later'])
  expect(await hubsOf(browser, context)).toEqual(before)
})

test('[I2] [SW6] [SW7] a service worker that sends and a hub that starts at the same moment: every message takes effect once', async ({
  browser,
  context,
  scene,
}) => {
  test.setTimeout(120_000)
  const { lab, applied } = scene
  const tag = await firstVisit(context, lab)
  const origin = new URL(lab.pageUrl).origin
  const workers = await watchServiceWorkers(context)
  const wanted: string[] = []
  for (let round = 0; round < 4; round++) {
    const data = texts(`round-${round}`, 600)
    await queueAndLeave(browser, context, lab, data)
    wanted.push(...data)
    const page = await context.newPage()
    const opening = openProbe(page, lab)
    await workers.sync(origin, tag)
    await opening
    await hasStatus(page, 'connected', 30_000)
    await expect.poll(() => page.evaluate(() => window.probe.state().pending), { timeout: 30_000 }).toBe(0)
    expect(applied).toEqual(wanted)
    await page.close()
  }
})

test('(X5) [SW10] [SW12] messages that are left while nobody answers are no error, and the browser keeps the tag for another try', async ({
  browser,
  context,
  scene,
}) => {
  test.setTimeout(90_000)
  const { lab, applied } = scene
  const tag = await firstVisit(context, lab)
  const workers = await watchServiceWorkers(context)
  const [worker] = context.serviceWorkers()
  if (!worker) throw new Error('there is no service worker')
  const data = texts('left', 5)
  await queueAndLeave(browser, context, lab, data)
  await lab.proxy.set({ kind: 'refuse' })
  const failed = worker.waitForEvent('console', { predicate: (line) => line.text().includes('send-outbox'), timeout: 60_000 })
  // A page of the origin without a connection, so that the browser itself has the event to repeat.
  const page = await context.newPage()
  await page.goto(lab.pageUrl)
  const tags = (): Promise<string[]> =>
    page.evaluate(async () => {
      const { sync } = (await navigator.serviceWorker.ready) as unknown as { sync: { getTags(): Promise<string[]> } }
      return sync.getTags()
    })
  await page.evaluate(async (name) => {
    const { sync } = (await navigator.serviceWorker.ready) as unknown as { sync: { register(tag: string): Promise<void> } }
    await sync.register(name)
  }, tag)
  expect((await failed).text()).toContain('again')
  // What the worker throws after that would be reported by the time of the next answer.
  await worker.evaluate(() => new Promise((resolve) => setTimeout(resolve, 0)))
  expect(await tags()).toEqual([tag])
  // The browser says of every socket that it did not open.
  expect(workers.errors.filter((text) => !text.startsWith('WebSocket connection to'))).toEqual([])
  expect(applied).toEqual([])
  await lab.proxy.set({ kind: 'pass' })
  await syncUntil(workers, new URL(lab.pageUrl).origin, tag, () => applied.length === data.length)
  expect(applied).toEqual(data)
})
