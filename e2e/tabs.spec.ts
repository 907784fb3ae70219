import { expect, hasStatus, sendQueued, showsAll, test, texts } from './harness/test.ts'

test('[I20] two tabs share one socket, and what one sends both receive once', async ({ lab, openTab }) => {
  const pages = [await openTab(), await openTab()]
  for (const page of pages) await hasStatus(page, 'connected')
  await lab.publish('board', ...texts('published', 3))
  const [first] = pages
  if (!first) throw new Error('no tab')
  await sendQueued(first, 'board', texts('sent', 3))
  await expect.poll(() => lab.applied.length).toBe(3)
  await showsAll(pages, lab)
  expect(lab.live.metrics().sockets).toBe(1)
})

test('[HU1] tabs that are given the address of the hub share it, too', async ({ lab, openTab }) => {
  const options = { connect: { hubUrl: './hub.js' } }
  const pages = [await openTab(options), await openTab(options)]
  for (const page of pages) await hasStatus(page, 'connected')
  await lab.publish('board', ...texts('published', 3))
  await showsAll(pages, lab)
  expect(lab.live.metrics().sockets).toBe(1)
})
