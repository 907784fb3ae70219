import { expect, eventsOf, hasStatus, showsAll, test, texts } from './harness/test.ts'

test('[I11] a server that forgot everything with messages applied unacked: one reset, one outboxRestarted, the doubtful ones marked', async ({
  lab,
  openTab,
}) => {
  lab.database.set('board', ['first'])
  const pages = [await openTab(), await openTab()]
  const [sender] = pages
  if (!sender) throw new Error('no tab')
  for (const page of pages) await hasStatus(page, 'connected')
  await showsAll(pages, lab)

  // The server hears the client, the client no longer hears the server: what is applied is not acknowledged.
  await lab.proxy.set({ kind: 'blackhole', direction: 'toClient' })
  const doubtful = await sender.evaluate(() => window.probe.send('board', 'one', 'two', 'three'))
  await expect.poll(() => lab.applied.length).toBe(3)
  const rest = await sender.evaluate(() => {
    const ids = window.probe.send('board', 'four')
    return ids
  })
  await expect.poll(() => lab.applied.length).toBe(4)
  await lab.proxy.set({ kind: 'refuse' })
  await lab.crashServer()
  for (const page of pages) await hasStatus(page, 'waiting')
  const unsent = await sender.evaluate(async () => {
    const ids = window.probe.send('board', 'five')
    await window.probe.queued(ids)
    return ids
  })
  await lab.proxy.set({ kind: 'pass' })

  for (const page of pages) {
    await expect.poll(() => eventsOf(page, 'restart')).toHaveLength(1)
    await hasStatus(page, 'connected')
    expect(await eventsOf(page, 'restart')).toEqual([
      { type: 'restart', reason: 'ledger', mayRepeat: [...doubtful, ...rest], mayBeLost: [] },
    ])
    expect(await eventsOf(page, 'reset')).toEqual([{ type: 'reset', channel: 'board', reason: 'epoch' }])
  }
  await expect.poll(() => lab.applied.length).toBe(9)
  expect(lab.applied.slice(4).map(({ data, mayRepeat }) => [data, mayRepeat])).toEqual([
    ['one', true],
    ['two', true],
    ['three', true],
    ['four', true],
    ['five', false],
  ])
  expect(lab.applied.slice(4).map(({ id }) => id)).toEqual([...doubtful, ...rest, ...unsent])
  await expect.poll(() => sender.evaluate(() => [...new Set(Object.values(window.probe.fates()))])).toEqual(['applied'])
})

test('[P33] a server that restarts gracefully says when to come back, and nobody loses anything', async ({ lab, openTab }) => {
  const pages = [await openTab(), await openTab()]
  for (const page of pages) await hasStatus(page, 'connected')
  await lab.publish('board', ...texts('before', 3))
  await showsAll(pages, lab)
  await lab.restartServer()
  for (const page of pages) {
    await expect
      .poll(async () =>
        (await eventsOf(page, 'state')).some(({ state }) => state.status === 'waiting' && state.reason === 'server-restart'),
      )
      .toBe(true)
    await hasStatus(page, 'connected')
  }
  await showsAll(pages, lab)
})
