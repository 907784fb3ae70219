import { expect, eventsOf, hasStatus, QUICK, sendQueued, showsAll, test, texts } from './harness/test.ts'

test('[I6] after a cut of thirty seconds all tabs get all, once, in order, and all that was sent is applied once, in order', async ({
  lab,
  openTab,
}) => {
  test.setTimeout(120_000)
  // The same tries every time: by chance alone they could use up what a minute allows.
  const options = { connect: { reconnect: { baseDelayMs: 1_000, maxDelayMs: 4_000, jitter: 0 } } }
  const pages = [await openTab(options), await openTab(options), await openTab(options)]
  const [first, second] = pages
  if (!first || !second) throw new Error('no tabs')
  for (const page of pages) await hasStatus(page, 'connected')
  await lab.publish('board', 'before')
  await showsAll(pages, lab)

  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  const cutAtMs = Date.now()
  for (const page of pages) await hasStatus(page, 'waiting')
  for (let round = 0; round < 10; round++) {
    await lab.publish('board', ...texts(`away-${round}`, 3))
    await sendQueued(first, 'board', [`first-${round}`])
    await sendQueued(second, 'board', [`second-${round}`])
    await expect.poll(() => Date.now() - cutAtMs, { timeout: 10_000 }).toBeGreaterThan(round * 3_000)
  }
  await expect.poll(() => Date.now() - cutAtMs, { timeout: 10_000 }).toBeGreaterThan(30_000)
  expect(lab.applied).toEqual([])
  await lab.proxy.set({ kind: 'pass' })

  for (const page of pages) await hasStatus(page, 'connected')
  const sent = Array.from({ length: 10 }, (_, round) => [`first-${round}`, `second-${round}`]).flat()
  await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual(sent)
  await showsAll(pages, lab)
  for (const page of pages) {
    expect(await eventsOf(page, 'recovered')).toEqual([{ type: 'recovered', channel: 'board', missed: 30 }])
    expect(await eventsOf(page, 'reset')).toEqual([])
    const received = (await eventsOf(page, 'message')).map(({ data }) => data)
    expect(received).toEqual([...new Set(received)])
  }
})

test('[I33] a black-holed socket is noticed within ten seconds', async ({ lab, openTab }) => {
  const pages = [await openTab(), await openTab()]
  for (const page of pages) await hasStatus(page, 'connected')
  await lab.proxy.set({ kind: 'blackhole', direction: 'both' })
  const fromMs = Date.now()
  for (const page of pages) {
    const noticed = async (): Promise<number> => {
      const lost = (await eventsOf(page, 'state')).find(({ state, atMs }) => atMs >= fromMs && state.status === 'waiting')
      return lost ? lost.atMs - fromMs : Infinity
    }
    await expect.poll(noticed, { timeout: 15_000, intervals: [50] }).toBeLessThanOrEqual(10_000)
  }
  await lab.proxy.set({ kind: 'pass' })
  for (const page of pages) await hasStatus(page, 'connected')
})

test('[I22] a reconnect within milliseconds of the drop recovers', async ({ lab, openTab }) => {
  const pages = [
    await openTab({ connect: { reconnect: { ...QUICK, baseDelayMs: 5 } } }),
    await openTab({ connect: { reconnect: { ...QUICK, baseDelayMs: 5 } } }),
  ]
  for (const page of pages) await hasStatus(page, 'connected')
  for (let round = 1; round <= 5; round++) {
    lab.proxy.cutAll()
    await lab.publish('board', `round-${round}`)
    await lab.proxy.waitForConnections(1 + round, 5_000)
    await showsAll(pages, lab)
    for (const page of pages) await expect.poll(async () => (await eventsOf(page, 'recovered')).length).toBe(round)
  }
  for (const page of pages) expect(await eventsOf(page, 'reset')).toEqual([])
  await expect.poll(() => lab.live.metrics().sockets).toBe(1)
})

test('[I17] a reconnect with zero missed messages says recovered', async ({ lab, openTab }) => {
  const pages = [await openTab(), await openTab()]
  for (const page of pages) await hasStatus(page, 'connected')
  lab.proxy.cutAll()
  for (const page of pages) {
    await expect.poll(() => eventsOf(page, 'recovered')).toEqual([{ type: 'recovered', channel: 'board', missed: 0 }])
    expect(await eventsOf(page, 'reset')).toEqual([])
    expect(await eventsOf(page, 'snapshot')).toHaveLength(1)
  }
})

test('[P26] a recovery that is cut in the middle goes on from its last chunk and reports once', async ({ lab, openTab }) => {
  const pages = [await openTab(), await openTab()]
  for (const page of pages) await hasStatus(page, 'connected')
  await lab.publish('board', 'before')
  await showsAll(pages, lab)
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  for (const page of pages) await hasStatus(page, 'waiting')
  await lab.publish('board', ...texts(`${'long '.repeat(100)}away`, 900))
  // The replay is about 500 kB: the next connection dies after some of it, the one after that goes on.
  await lab.proxy.set({ kind: 'cut', direction: 'toClient', afterBytes: 330_000, on: lab.proxy.connections.length + 1 })
  await lab.proxy.set({ kind: 'pass' })
  await showsAll(pages, lab, 'board', 20_000)
  for (const page of pages) {
    await expect.poll(() => eventsOf(page, 'recovered')).toEqual([{ type: 'recovered', channel: 'board', missed: 900 }])
    expect(await eventsOf(page, 'reset')).toEqual([])
    expect((await eventsOf(page, 'message')).map(({ data }) => data)).toEqual(lab.database.get('board'))
  }
  expect(lab.proxy.connections.length).toBeGreaterThanOrEqual(3)
})
