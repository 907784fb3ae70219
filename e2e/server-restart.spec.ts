import { expect, eventsOf, hasStatus, sendQueued, showsAll, test, texts } from './harness/test.ts'

test('[I11] a server that forgot everything with 3 of 5 messages applied unacked: a reset, one outboxRestarted, the doubtful ones marked', async ({
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
  lab.holds = true
  const five = ['one', 'two', 'three', 'hold four', 'five']
  const doubtful = await sendQueued(sender, 'board', five)
  await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual(five.slice(0, 3))
  await lab.proxy.set({ kind: 'refuse' })
  await lab.crashServer()
  lab.holds = false
  for (const page of pages) await hasStatus(page, 'waiting')
  const [unsent = ''] = await sendQueued(sender, 'board', ['six'])
  await lab.proxy.set({ kind: 'pass' })

  for (const page of pages) {
    await expect.poll(() => eventsOf(page, 'restart')).toHaveLength(1)
    await hasStatus(page, 'connected')
    expect(await eventsOf(page, 'restart')).toMatchObject([{ reason: 'ledger', mayRepeat: doubtful, mayBeLost: [] }])
    expect(await eventsOf(page, 'reset')).toEqual([{ type: 'reset', channel: 'board', reason: 'epoch' }])
    // The fresh value holds what the app wrote before its server died.
    expect((await eventsOf(page, 'snapshot')).at(-1)?.value.slice(0, 4)).toEqual(['first', 'one', 'two', 'three'])
  }
  await expect.poll(() => lab.applied.length).toBe(9)
  const again = lab.applied.slice(3)
  expect(again.map(({ data, mayRepeat }) => [data, mayRepeat])).toEqual([...five.map((data) => [data, true]), ['six', false]])
  expect(again.map(({ id }) => id)).toEqual([...doubtful, unsent])
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
