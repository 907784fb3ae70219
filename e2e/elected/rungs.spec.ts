import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Page } from '@playwright/test'
import { serveFiles } from '../harness/static-files.ts'
import { eventsOf, expect, hasStatus, openProbe, sendQueued, showsAll, test, texts } from '../harness/test.ts'

const isShared = (page: Page): Promise<boolean | null> => page.evaluate(() => window.probe.state().shared)

test('[EL1] without SharedWorker everything works, and only the state tells', async ({ lab, context }) => {
  await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'SharedWorker'))
  const plain = { ...lab, pageUrl: lab.pageUrl.split('?')[0] ?? '' }
  const pages = [await openProbe(await context.newPage(), plain), await openProbe(await context.newPage(), plain)]
  const [first] = pages
  if (!first) throw new Error('no tab')
  for (const page of pages) {
    await hasStatus(page, 'connected')
    expect(await isShared(page)).toBe(false)
    expect(await eventsOf(page, 'error')).toEqual([])
  }
  await sendQueued(first, 'board', texts('sent', 3))
  await expect.poll(() => lab.applied.length).toBe(3)
  await showsAll(pages, lab)
  expect(lab.live.metrics().sockets).toBe(1)
})

test('[EL2] a script that does not start as a SharedWorker starts in a tab, without an error', async ({ lab, context }) => {
  const server = serveFiles(
    fileURLToPath(new URL('../dist', import.meta.url)),
    () => ({}),
    ({ headers }) => headers['sec-fetch-dest'] === 'sharedworker',
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const strict = { ...lab, pageUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
  try {
    const pages = [await openProbe(await context.newPage(), strict), await openProbe(await context.newPage(), strict)]
    for (const page of pages) {
      await hasStatus(page, 'connected')
      expect(await isShared(page)).toBe(false)
      expect(await eventsOf(page, 'error')).toEqual([])
    }
    await lab.publish('board', 'published')
    await showsAll(pages, lab)
    expect(lab.live.metrics().sockets).toBe(1)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('[EL3] [I4] tabs that can and tabs that cannot have a SharedWorker end in one hub, with nothing lost or doubled', async ({
  lab,
  openTab,
  context,
}) => {
  const plain = { ...lab, pageUrl: lab.pageUrl.split('?')[0] ?? '' }
  const sharing = await openProbe(await context.newPage(), plain)
  await hasStatus(sharing, 'connected')
  expect(await isShared(sharing)).toBe(true)
  await sendQueued(sharing, 'board', texts('before', 3))

  const forced = await openTab()
  await sendQueued(forced, 'board', texts('forced', 3))
  await expect.poll(() => lab.applied.length).toBe(6)
  for (const page of [sharing, forced]) {
    await hasStatus(page, 'connected')
    await expect.poll(() => isShared(page)).toBe(false)
  }
  await sendQueued(sharing, 'board', texts('after', 3))
  await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual([...texts('before', 3), ...texts('forced', 3), ...texts('after', 3)])
  await showsAll([sharing, forced], lab)
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
  expect(forced.workers()).toHaveLength(1)

  // A newcomer follows what lives.
  const late = await openProbe(await context.newPage(), plain)
  await showsAll([late], lab)
  expect(await isShared(late)).toBe(false)
})

test("[EL8] the app's own function and the address of a script serve the hub in a tab, too", async ({ lab, openTab }) => {
  const addressed = await openTab({ connect: { hubUrl: './hub.js' } })
  await hasStatus(addressed, 'connected')
  expect(addressed.workers().map((worker) => new URL(worker.url()).pathname)).toEqual(['/hub.js'])
  await addressed.close()

  const own = await openTab({ channels: [] })
  await own.evaluate((url) => {
    window.probe.close()
    window.probe.open({
      url,
      hub: ({ name, shared }) => (shared ? new SharedWorker('/none.js') : new Worker('./hub.js?own', { type: 'module', name })),
    })
  }, lab.liveUrl)
  await hasStatus(own, 'connected')
  expect(own.workers().map((worker) => new URL(worker.url()).search)).toEqual(['?own'])
})
