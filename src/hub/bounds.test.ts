import { describe, expect, it } from 'vitest'
import type { AttachRequest, Delivery, Result } from '../bridge/contract.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { id, message, place, published, settings } from '../core/testing/frames.ts'
import { DEFAULT_LIMITS } from '../protocol/limits.ts'
import { newcomer, perTest, say, settled, subOf, twoTabs, type TestWorld } from './test-hub.ts'
import { TabSession } from './tab-session.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))

/** A session whose tab answers when it is told to. */
function frozenTab() {
  const batches: Delivery[] = []
  let thaw = (_answer: Result<null>): void => {}
  const tab = new TabSession(
    { tab: id('tab'), visible: true, watchesOutbox: false, canAuthenticate: false, settings: settings() } as AttachRequest,
    {
      deliver(batch) {
        batches.push(batch)
        return new Promise((resolve) => (thaw = resolve))
      },
      push: (batch) => void batches.push(batch),
      credential: () => Promise.resolve({ ok: true, value: null }),
    },
    {
      hiddenDelayMs: 1_000,
      clock: createFakeClock(),
      state: () => null,
      signOuts: () => 0,
      taken: () => null,
      outboxView: () => null,
      serve: () => null,
    },
  )
  tab.tellError({ code: 'hub-failed', message: 'the first batch, which is not answered' })
  return {
    tab,
    async thawed(): Promise<Delivery> {
      thaw({ ok: true, value: null })
      await settled()
      return batches.at(-1) ?? {}
    },
  }
}

describe('[I30] a tab that does not answer', () => {
  it('[HU3] is kept the newest fate of each message, however often it was sent', async () => {
    const { tab, thawed } = frozenTab()
    for (let link = 0; link < 100; link++) tab.tellFates([1, 2, 3].map((n) => ({ id: id(n), fate: 'sent' })))
    tab.tellFates([{ id: id(2), fate: 'applied' }])
    expect((await thawed()).fates).toEqual([
      { id: id(1), fate: 'sent' },
      { id: id(2), fate: 'applied' },
      { id: id(3), fate: 'sent' },
    ])
  })

  it('[HU3] [I31] is kept the sixteen latest restarts of the outbox, and is told how many messages the others named', async () => {
    const { tab, thawed } = frozenTab()
    for (let n = 1; n <= 40; n++) {
      const event = { atMs: n, reason: 'conflict', mayRepeat: [id(n)], mayBeLost: [], older: 0 } as const
      tab.tellNotices([{ id: id(`r${n}`), kind: 'outbox-restarted', event }])
    }
    const { notices = [] } = await thawed()
    expect(notices.map(({ event }) => event.mayRepeat[0])).toEqual(Array.from({ length: 16 }, (_, at) => id(25 + at)))
    expect(notices.map(({ event }) => event.older)).toEqual([24, ...Array.from({ length: 15 }, () => 0)])
  })
})

/** One tab has read so much that the value no longer joins on to the cache; another tab has come, and the value is asked for again. */
async function valueAskedFor(inWorld: TestWorld) {
  const { one, two, socket } = await twoTabs(inWorld)
  await one.hub.subscribe([newcomer('agents')])
  await settled()
  const sub = subOf(socket, 'agents')
  await say(socket, { type: 'subscribed', sub, head: place(0), verdict: 'snapshot', value: 'v0', follows: true })
  await say(socket, { type: 'messages', batches: [{ sub, messages: published(1, 1_001) }] })
  await two.hub.subscribe([newcomer('agents')])
  await settled()
  return { two, socket, sub }
}

describe('[I30] a hub', () => {
  it('[HU18] [I31] gives a tab a thousand channels, and tells it of one too many', async () => {
    const tab = world.tab(world.hub())
    await tab.attach({ channels: Array.from({ length: 999 }, (_, at) => newcomer(`c${at}`)) })
    const socket = await world.accept({ limits: { ...DEFAULT_LIMITS, channels: 20_000, subscriptionBurst: 20_000 } })
    await tab.hub.subscribe([newcomer('one'), newcomer('two')])
    await settled()
    expect([subOf(socket, 'one') > 0, subOf(socket, 'two')]).toEqual([true, 0])
    expect(tab.errors).toEqual(['limit'])
    await tab.hub.unsubscribe(['c0'])
    await tab.hub.subscribe([newcomer('two')])
    await settled()
    expect(subOf(socket, 'two')).toBeGreaterThan(0)
  })

  it('[HU27] takes in a tab that waits for any number of messages, or wants any number of channels, and breaks no call for it', async () => {
    const tab = world.tab(world.hub())
    const ids = Array.from({ length: 25_000 }, (_, at) => id(at))
    const answer = await tab.attach({ unsettled: ids, channels: ids.map((name) => newcomer(name)) })
    expect(answer).toMatchObject({ ok: true })
    await world.accept()
    await settled()
    // What is beyond the thousand is refused, in every call; of errors with one code a batch tells the newest.
    const told = tab.errors.length
    expect(tab.errors).toContain('limit')
    expect(await tab.hub.subscribe([newcomer('one'), newcomer('too-many')])).toMatchObject({ ok: true })
    await settled()
    expect(tab.errors.slice(told)).toContain('limit')
    const messages = ids.map((name) => message(name))
    expect(await tab.hub.sendVolatile(messages)).toMatchObject({ ok: false, error: { code: 'dropped' } })
    expect(await tab.hub.unsubscribe(ids)).toMatchObject({ ok: true })
  })

  it('(SEC16) [HU18] closes the ports of scripts that never attach, the oldest first, and its tabs notice nothing', async () => {
    const hub = world.hub()
    const one = world.tab(hub)
    await one.attach()
    const early = world.tab(hub)
    const flood = Array.from({ length: 200 }, () => new MessageChannel())
    let closed = 0
    for (const { port1, port2 } of flood) {
      port2.addEventListener('close', () => closed++)
      port2.start()
      hub.connect(port1)
    }
    await settled()
    expect(closed).toBe(200 - 64)
    expect(await one.hub.ping()).toMatchObject({ ok: true })
    const late = world.tab(hub)
    expect(await late.attach()).toMatchObject({ ok: true })
    const lost = early.hub.ping()
    await settled()
    world.clock.advance(10_000)
    expect(await lost).toMatchObject({ ok: false, error: { code: 'hub-timeout' } })
    for (const { port2 } of flood) port2.close()
  })

  it('(SEC16) [HU18] [I31] serves 500 tabs and refuses another with limit, until one has gone', async () => {
    const hub = world.hub()
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 50 }, () => world.tab(hub)).map((tab) => tab.attach()))
    }
    const tabs = [...world.tabs]
    const more = world.tab(hub)
    expect(await more.attach()).toMatchObject({ ok: false, error: { code: 'limit' } })
    await tabs[7]?.die()
    expect(await more.attach()).toMatchObject({ ok: true })
  })

  it('[HU18] shares the memory of its caches out over many channels, and resets a tab that it cannot go on serving', async () => {
    const hub = world.hub()
    const one = world.tab(hub)
    await one.attach({ channels: Array.from({ length: 500 }, (_, at) => newcomer(`c${at}`)) })
    const socket = await world.accept({ limits: { ...DEFAULT_LIMITS, channels: 500 } })
    const sub = subOf(socket, 'c0')
    await say(socket, { type: 'subscribed', sub, head: place(0), verdict: 'start', follows: true })
    for (const shown of published(1, 4)) {
      await say(socket, { type: 'messages', batches: [{ sub, messages: [{ ...shown, data: 'x'.repeat(100_000) }] }] })
    }
    expect(one.heard('c0').flatMap((news) => (news as { offsets?: number[] }).offsets ?? [])).toEqual([1, 2, 3, 4])
    const two = world.tab(hub)
    await two.attach({ channels: [{ channel: 'c0', position: { ...place(1) } }] })
    expect(two.heard('c0')[0]).toMatchObject({ reset: { reason: 'trimmed', from: 2, to: 2 } })
  })

  it('[HU9] tells a channel too many for the server as limit, not as forbidden', async () => {
    const { one, socket } = await twoTabs(world)
    await one.hub.subscribe([newcomer('agents')])
    await settled()
    await say(socket, { type: 'refused', sub: subOf(socket, 'agents'), reason: 'limit', message: 'too many' })
    expect(one.heard('agents').at(-1)).toEqual({ refused: { code: 'limit', message: 'too many' } })
  })

  it('[HU18] [I34] does not ask again when a server answers with an older value than it was asked for', async () => {
    const { socket, sub } = await valueAskedFor(world)
    const asked = (): number => socket.received.filter(({ type }) => type === 'snapshot_request').length
    expect(asked()).toBe(1)
    for (let times = 0; times < 5; times++) {
      await say(socket, { type: 'subscribed', sub, head: place(0), verdict: 'snapshot', value: 'v0', follows: false })
    }
    expect(asked()).toBe(1)
  })

  it('[HU5] [I32] asks again when the cache has lost what the value it was given would join on to', async () => {
    const { two, socket, sub } = await valueAskedFor(world)
    await say(socket, { type: 'messages', batches: [{ sub, messages: published(1_002, 2_100) }] })
    await say(socket, { type: 'subscribed', sub, head: place(5), verdict: 'snapshot', value: 'v5', follows: false })
    expect(socket.received.filter(({ type }) => type === 'snapshot_request').map(({ from }) => from)).toEqual([1, 1_100])
    await say(socket, { type: 'subscribed', sub, head: place(1_200), verdict: 'snapshot', value: 'v1200', follows: false })
    expect(two.heard('agents')).toMatchObject([{ value: '"v1200"', at: 2_100 }])
  })

  it('[HU17] [I30] shows a hundred of what waits and of what is parked, and counts all of it', async () => {
    const tab = world.tab(world.hub())
    const maxAgeMs = 90_000
    const outbox = { ...settings().outbox, maxAgeMs }
    await tab.attach({ watchesOutbox: true }, { outbox })
    const send = (from: number): Promise<unknown> => tab.hub.send(Array.from({ length: 150 }, (_, at) => message(from + at)))
    await send(1)
    world.clock.advance(maxAgeMs + 60_000)
    await settled()
    await send(1_001)
    await settled()
    const { pending, parked, ...counts } = tab.batches.findLast((batch) => batch.outbox)?.outbox ?? {}
    expect([pending?.length, parked?.length, counts]).toEqual([100, 100, { pendingCount: 150, parkedCount: 150 }])
  })
})
