import { expect, hasStatus, openProbe, sendQueued, showsAll, test, texts } from './harness/test.ts'

test('[I1] a reload of the only tab keeps session, outbox and, where the worker outlives it, the socket', async ({
  lab,
  openTab,
  rung,
}) => {
  const page = await openTab()
  await hasStatus(page, 'connected')
  await lab.publish('board', ...texts('before', 3))
  await showsAll([page], lab)
  expect(lab.proxy.connections).toHaveLength(1)
  await openProbe(page, lab)
  await hasStatus(page, 'connected')
  await showsAll([page], lab)
  // A worker of the tab ends with its page.
  expect(lab.proxy.connections).toHaveLength(rung === 'shared' ? 1 : 2)
  expect(lab.live.metrics().sessions).toBe(1)

  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(page, 'waiting')
  await sendQueued(page, 'board', texts('offline', 20))
  await openProbe(page, lab)
  await expect.poll(() => page.evaluate(() => window.probe.state().pending)).toBe(20)
  await showsAll([page], lab)
  await lab.proxy.set({ kind: 'pass' })
  await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual(texts('offline', 20))
  await showsAll([page], lab)
  expect(lab.live.metrics().sessions).toBe(1)
  expect(new Set(lab.applied.map(({ id }) => id)).size).toBe(20)
})
