import { describe, expect, it } from 'vitest'
import { fakeServer, freshId, type FakePeer, type FakeServer } from './testing/fake-peer.ts'
import type { Cursor } from '../protocol/index.ts'

const AGENTS = [{ sub: 1, channel: 'agents', cursor: null }]

function subscribe(peer: FakePeer, sub: number, cursor: Cursor | null = null, channel = 'agents'): void {
  peer.say({ type: 'subscribe', subscriptions: [{ sub, channel, cursor }] })
}

async function publish({ core }: FakeServer, count: number, first = 1): Promise<Cursor> {
  let cursor: Cursor = { epoch: '', offset: 0, id: '' }
  for (let at = 0; at < count; at++) cursor = await core.publish('agents', first + at)
  return cursor
}

/** Offsets of a subscription, which must rise by one. */
function offsets(peer: FakePeer, sub: number): number[] {
  const all = peer.messagesOf(sub).map(({ offset }) => offset)
  all.forEach((offset, at) => at > 0 && expect(offset).toBe((all[at - 1] ?? 0) + 1))
  return all
}

describe('subscriptions', () => {
  it('[P22] refuses a number used before, replaces a second subscription to a channel, ignores unknown numbers', async () => {
    const server = fakeServer()
    const peer = await server.open({ subscriptions: AGENTS })
    subscribe(peer, 5)
    peer.say({ type: 'unsubscribe', subs: [99, 1] })
    peer.say({ type: 'snapshot_request', sub: 99, from: 0 })
    await server.clock.settle()
    await publish(server, 1)
    await server.clock.settle()
    expect([offsets(peer, 1), offsets(peer, 5)]).toEqual([[], [1]])
    subscribe(peer, 5, null, 'other')
    expect(peer.closedWith?.code).toBe(4400)
  })

  it('[P22] sends nothing after unsubscribe, and counts nobody as a reader', async () => {
    const server = fakeServer()
    const peer = await server.open({ subscriptions: AGENTS })
    peer.say({ type: 'unsubscribe', subs: [1] })
    await publish(server, 3)
    await server.clock.settle()
    expect([peer.messagesOf(1), server.core.metrics().channelsRead]).toEqual([[], 0])
  })

  it('(SEC9) [P29] [I28] refuses what the app does not allow, at every subscription, replays too, and the connection goes on', async () => {
    let isAllowed = true
    const server = fakeServer({ authorize: ({ channel }) => channel !== 'secret' && (isAllowed || Promise.reject(new Error('db'))) })
    const peer = await server.open({
      subscriptions: [...AGENTS, { sub: 2, channel: 'secret', cursor: null }, { sub: 3, channel: '@other', cursor: null }],
    })
    expect(peer.all('refused').map(({ sub, reason }) => [sub, reason])).toEqual([
      [2, 'forbidden'],
      [3, 'forbidden'],
    ])
    const cursor = peer.last('subscribed').head
    isAllowed = false
    const again = await server.open({ session: peer.last('session_init').session, subscriptions: [{ sub: 1, channel: 'agents', cursor }] })
    expect([again.last('refused'), again.all('subscribed')]).toEqual([
      { type: 'refused', sub: 1, reason: 'forbidden', message: 'not allowed' },
      [],
    ])
    again.say({ type: 'ping' })
    expect(again.all('pong')).toHaveLength(1)
  })

  it('[P29] refuses more channels than the limit, and takes one again when another was given up', async () => {
    const server = fakeServer({ limits: { channels: 2 } })
    const peer = await server.open({ subscriptions: ['a', 'b', 'c', 'b'].map((channel, at) => ({ sub: at + 1, channel, cursor: null })) })
    expect(peer.all('refused').map(({ sub, reason }) => [sub, reason])).toEqual([[3, 'limit']])
    peer.say({ type: 'unsubscribe', subs: [1] })
    subscribe(peer, 9, null, 'c')
    await server.clock.settle()
    expect(peer.last('subscribed').sub).toBe(9)
  })

  it('[I26] hands what is sent to a user to that user alone', async () => {
    const server = fakeServer({ authenticate: ({ credential }) => ({ user: credential ?? '' }) })
    const own = [{ sub: 1, channel: '@user', cursor: null }]
    const [ada, bob] = [
      await server.open({ user: 'ada', credential: 'ada', subscriptions: own }),
      await server.open({ user: 'bob', credential: 'bob', subscriptions: own }),
    ]
    await server.core.sendToUser('ada', 'hi')
    await server.clock.settle()
    expect([ada.messagesOf(1).length, bob.messagesOf(1).length]).toEqual([1, 0])
    const nobody = await fakeServer().open({ subscriptions: own })
    expect(nobody.last('refused').reason).toBe('forbidden')
  })

  it('[I30] [BU3] [BU2] reading takes no place; publishing is refused when all channels are read, and gives up those that are not', async () => {
    const { memoryEngine } = await import('./engines/memory.ts')
    const server = fakeServer({ engine: memoryEngine({ maxChannels: 2 }) })
    const peer = await server.open({ subscriptions: ['a', 'b', 'c'].map((channel, at) => ({ sub: at + 1, channel, cursor: null })) })
    expect([peer.all('refused'), peer.all('subscribed')]).toMatchObject([[], [{}, {}, {}]])
    await server.core.publish('a', 1)
    await server.core.publish('b', 1)
    await expect(server.core.publish('d', 1)).rejects.toMatchObject({ code: 'storage-full' })
    peer.say({ type: 'unsubscribe', subs: [1] })
    await server.core.publish('d', 1)
    expect(server.core.metrics()).toMatchObject({ channels: 2, totals: { 'refused.channels': 1, 'dropped.channels': 1 } })
  })
})

describe('recovery', () => {
  it('[P23] [I17] recovers from the cursor with the missed messages, whatever became of the session', async () => {
    const server = fakeServer()
    await publish(server, 1)
    const peer = await server.open({ subscriptions: AGENTS })
    const cursor = peer.last('subscribed').head
    peer.drop()
    await publish(server, 3)
    for (const session of [peer.last('session_init').session, null]) {
      const again = await server.open({ session, subscriptions: [{ sub: 1, channel: 'agents', cursor }] })
      expect(again.last('subscribed')).toMatchObject({ verdict: 'recovered', missed: 3, head: { offset: 4 } })
      expect(again.last('missed_messages').messages.map(({ offset }) => offset)).toEqual([2, 3, 4])
      again.drop()
    }
    expect(server.core.metrics().totals['recovered']).toBe(2)
  })

  it('[P23] counts zero missed messages as recovered, also from the empty channel and long after the history has aged out', async () => {
    const server = fakeServer({ history: { ageMs: 1_000 } })
    const empty = (await server.open({ subscriptions: AGENTS })).last('subscribed').head
    expect(empty).toMatchObject({ offset: 0, id: '' })
    const again = await server.open({ subscriptions: [{ sub: 1, channel: 'agents', cursor: empty }] })
    expect(again.last('subscribed')).toMatchObject({ verdict: 'recovered', missed: 0 })
    const cursor = await publish(server, 2)
    await server.clock.pass(600_000)
    const late = await server.open({ subscriptions: [{ sub: 1, channel: 'agents', cursor }] })
    expect([late.last('subscribed'), late.all('missed_messages')]).toMatchObject([{ verdict: 'recovered', missed: 0 }, []])
  })

  it.each([
    ['trimmed', (good: Cursor): Cursor => good, { from: 3, to: 6 }],
    ['diverged', (good: Cursor): Cursor => ({ ...good, offset: 99 }), {}],
    ['diverged', (good: Cursor): Cursor => ({ ...good, offset: 8, id: freshId() }), {}],
    ['epoch', (good: Cursor): Cursor => ({ ...good, epoch: freshId() }), {}],
  ] as const)('[P24] resets a bad place as %s, then starts afresh', async (reason, spoil, range) => {
    const server = fakeServer({ history: { messages: 5 }, snapshot: (_channel, { head }) => ({ upTo: head.offset }) })
    const good = await publish(server, 2)
    await publish(server, 9)
    const peer = await server.open({ subscriptions: [{ sub: 1, channel: 'agents', cursor: spoil(good) }] })
    expect(peer.received.slice(1)).toEqual([
      { type: 'reset', sub: 1, reason, ...range },
      {
        type: 'subscribed',
        sub: 1,
        head: expect.objectContaining({ offset: 11 }),
        verdict: 'snapshot',
        value: { upTo: 11 },
        follows: true,
      },
    ])
    await publish(server, 1)
    await server.clock.settle()
    expect(offsets(peer, 1)).toEqual([12])
  })

  it('[P25] [P49] replays in chunks of one part, no more than the line carries, and before live messages', async () => {
    const server = fakeServer({ history: { messages: 10_000 } })
    const first = await publish(server, 1)
    await publish(server, 1_299)
    const peer = server.peer()
    peer.isStalled = true
    peer.hello({ subscriptions: [{ sub: 1, channel: 'agents', cursor: first }] })
    await server.clock.settle()
    expect(peer.all('missed_messages').length).toBe(2)
    await publish(server, 2)
    await server.clock.settle()
    expect([peer.all('missed_messages').length, peer.all('messages').length]).toEqual([2, 0])
    for (let at = 0; at < 6; at++) {
      peer.read()
      await server.clock.settle()
    }
    expect(Math.max(...peer.frames.map(({ length }) => length))).toBeLessThanOrEqual(16_384)
    expect(offsets(peer, 1)).toEqual(Array.from({ length: 1_301 }, (_, at) => at + 2))
    expect(peer.all('messages')).toHaveLength(1)
    expect(peer.received.at(-1)?.type).toBe('messages')
  })

  it('[P24] resets in the middle of a replay when the log has passed the place', async () => {
    const server = fakeServer({ history: { messages: 1_000 } })
    const first = await publish(server, 1)
    await publish(server, 900)
    const peer = server.peer()
    peer.hello({ subscriptions: [{ sub: 1, channel: 'agents', cursor: first }] })
    peer.isStalled = true
    await server.clock.settle()
    const had = offsets(peer, 1).length
    expect(had).toBeLessThan(900)
    await publish(server, 2_000)
    peer.read()
    await server.clock.settle()
    expect(peer.last('reset')).toEqual({ type: 'reset', sub: 1, reason: 'trimmed', from: had + 2, to: 1_901 })
    expect(peer.last('subscribed')).toMatchObject({ verdict: 'start', head: { offset: 2_901 } })
  })

  it('[P26] goes on from the last chunk when a recovery was cut', async () => {
    const server = fakeServer({ history: { messages: 10_000 } })
    const first = await publish(server, 1)
    await publish(server, 900)
    const cut = server.peer()
    cut.hello({ subscriptions: [{ sub: 1, channel: 'agents', cursor: first }] })
    cut.isStalled = true
    await server.clock.settle()
    const left = 900 - offsets(cut, 1).length
    expect(left).toBeGreaterThan(0)
    const last = cut.messagesOf(1).at(-1)
    cut.drop()
    const cursor = { epoch: first.epoch, offset: last?.offset ?? 0, id: last?.id ?? '' }
    const again = await server.open({ subscriptions: [{ sub: 1, channel: 'agents', cursor }] })
    expect(again.last('subscribed')).toMatchObject({ verdict: 'recovered', missed: left })
    expect(offsets(again, 1)).toEqual(Array.from({ length: left }, (_, at) => at + 902 - left))
  })

  it('[P24] [P21] notices a restarted log without a publish', async () => {
    const server = fakeServer()
    await publish(server, 3)
    const peer = await server.open({ subscriptions: AGENTS })
    const log = await server.core.engine.open('agents')
    if (typeof log !== 'string') log.restart(freshId())
    await server.clock.pass(25_000)
    peer.say({ type: 'ping' })
    await server.clock.pass(36_000)
    expect(peer.last('reset').reason).toBe('epoch')
    expect(peer.last('subscribed').head.offset).toBe(0)
  })

  const steps = ['before hello', 'in authenticate', 'in authorize', 'in snapshot', 'after subscribed'] as const
  for (const hasCursor of [false, true]) {
    it.each(steps)(
      `[I18] leaves no hole and no overlap when something is published ${hasCursor ? 'while resuming' : 'while subscribing'}: %s`,
      async (step) => {
        const at = async (here: string): Promise<void> => {
          if (here === step) await publish(server, 3, 100)
        }
        const server: FakeServer = fakeServer({
          authenticate: async () => (await at('in authenticate'), { user: 'ada' }),
          authorize: async () => (await at('in authorize'), true),
          snapshot: async (_channel, { head }) => {
            await at('in snapshot')
            return head.offset
          },
        })
        const cursor = await publish(server, 1)
        await publish(server, 4)
        await at('before hello')
        const peer = await server.open({
          user: 'ada',
          credential: 'x',
          subscriptions: [{ sub: 1, channel: 'agents', cursor: hasCursor ? cursor : null }],
        })
        await at('after subscribed')
        await publish(server, 2)
        await server.clock.settle()
        const verdict = peer.last('subscribed')
        const from = verdict.verdict === 'recovered' ? cursor.offset : verdict.head.offset
        expect(verdict.verdict).toBe(hasCursor ? 'recovered' : 'snapshot')
        expect(offsets(peer, 1)[0]).toBe(from + 1)
        expect(offsets(peer, 1).at(-1)).toBe(step === 'in snapshot' && hasCursor ? 7 : 10)
        if (verdict.verdict === 'snapshot') expect(verdict.value).toBeLessThanOrEqual(verdict.head.offset)
      },
    )
  }
})

describe('snapshots', () => {
  it('[P27] starts at the head without a hook, or when it gives undefined', async () => {
    for (const server of [fakeServer(), fakeServer({ snapshot: () => undefined })]) {
      await publish(server, 2)
      const peer = await server.open({ subscriptions: AGENTS })
      expect(peer.last('subscribed')).toMatchObject({ verdict: 'start', head: { offset: 2 } })
      await publish(server, 1)
      await server.clock.settle()
      expect(offsets(peer, 1)).toEqual([3])
    }
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('db')
      },
    ],
    ['rejects', () => Promise.reject(new Error('db'))],
  ])('[P27] resets with hook-failed when the hook %s, and the subscription has ended', async (_what, snapshot) => {
    const server = fakeServer({ snapshot })
    const peer = await server.open({ subscriptions: AGENTS })
    await publish(server, 1)
    await server.clock.settle()
    expect(peer.received.slice(1)).toEqual([{ type: 'reset', sub: 1, reason: 'hook-failed' }])
    expect(server.core.metrics().channelsRead).toBe(0)
  })

  it.each<readonly [string, 'invalid' | 'too-large', unknown]>([
    ['what JSON cannot carry', 'invalid', 1n],
    ['more than a frame holds', 'too-large', 'x'.repeat(2 ** 20)],
    ['what is nested too deep', 'invalid', JSON.parse('['.repeat(57) + ']'.repeat(57)) as unknown],
  ])('[EF3] refuses a channel, and no other, whose hook gives %s, and does not ask it again', async (_what, reason, value) => {
    const asked: string[] = []
    const snapshot = (channel: string): unknown => (asked.push(channel), channel === 'bad' ? value : 'fine')
    const server = fakeServer({ snapshot })
    const subscriptions = ['bad', 'good'].map((channel, at) => ({ sub: at + 1, channel, cursor: null }))
    const peer = await server.open({ subscriptions })
    await server.clock.pass(45_000)
    expect(peer.all('refused')).toEqual([{ type: 'refused', sub: 1, reason, message: expect.any(String) }])
    expect([peer.last('subscribed').sub, peer.all('reset'), asked]).toEqual([2, [], ['bad', 'good']])
    await server.core.publish('good', 1)
    await server.clock.settle()
    expect([peer.messagesOf(2).length, server.core.metrics().channelsRead]).toEqual([1, 1])
    expect(server.logs).toEqual([{ level: 'error', event: 'snapshot_refused', channel: 'bad', why: reason }])
  })

  it.each<readonly [string, () => unknown]>([
    ['invalid', () => 1n],
    ['too-large', () => 'x'.repeat(2 ** 20)],
  ])('[EF3] [P28] says that a value which was asked for can never be sent: %s', async (reason, bad) => {
    let value: unknown = 'small'
    const server = fakeServer({ snapshot: () => value })
    const peer = await server.open({ subscriptions: AGENTS })
    value = bad()
    peer.say({ type: 'snapshot_request', sub: 1, from: 0 })
    await server.clock.pass(45_000)
    expect(peer.all('no_value')).toEqual([{ type: 'no_value', sub: 1, reason, message: expect.any(String) }])
    await publish(server, 1)
    await server.clock.settle()
    expect(peer.messagesOf(1)).toHaveLength(1)
    value = 'small again'
    peer.say({ type: 'snapshot_request', sub: 1, from: 1 })
    await server.clock.settle()
    expect(peer.last('subscribed')).toMatchObject({ verdict: 'snapshot', value: 'small again', follows: false })
  })

  it('[EF4] [P28] says once that a value which was asked for cannot be had yet, and goes on trying', async () => {
    let fails = false
    const server = fakeServer({
      snapshot: () => {
        if (fails) throw new Error('db')
        return 'value'
      },
    })
    const peer = await server.open({ subscriptions: AGENTS })
    fails = true
    peer.say({ type: 'snapshot_request', sub: 1, from: 0 })
    await server.clock.pass(20_000)
    expect(peer.all('no_value')).toEqual([{ type: 'no_value', sub: 1, reason: 'hook-failed', message: 'tried again' }])
    fails = false
    await server.clock.pass(20_000)
    expect(peer.last('subscribed')).toMatchObject({ verdict: 'snapshot', value: 'value', follows: false })
  })

  it('[P27] resets with hook-failed when the hook takes over 30 s', async () => {
    const server = fakeServer({ snapshot: () => new Promise(() => {}) })
    const peer = await server.open({ subscriptions: AGENTS })
    await server.clock.pass(29_000)
    expect(peer.all('reset')).toEqual([])
    await server.clock.pass(2_000)
    expect(peer.last('reset').reason).toBe('hook-failed')
  })

  it('[P27] tries once more when the log has passed the head, then resets with too-slow', async () => {
    let calls = 0
    const server: FakeServer = fakeServer({
      history: { messages: 5 },
      snapshot: async () => {
        if (++calls !== 2) await publish(server, 10)
        return calls
      },
    })
    const peer = await server.open({ subscriptions: AGENTS })
    expect(peer.last('subscribed')).toMatchObject({ verdict: 'snapshot', value: 2, head: { offset: 10 } })
    calls = 2
    const slow = await server.open({ subscriptions: AGENTS })
    expect(slow.received.slice(1)).toEqual([{ type: 'reset', sub: 1, reason: 'too-slow' }])
  })

  it('[P28] tries again for a requested value that could not be had, and the subscription goes on undisturbed', async () => {
    let calls = 0
    const server: FakeServer = fakeServer({
      snapshot: () => {
        if (++calls === 2 || calls === 3) throw new Error('db')
        return calls
      },
    })
    const peer = await server.open({ subscriptions: AGENTS })
    peer.say({ type: 'snapshot_request', sub: 1, from: 0 })
    await publish(server, 1)
    await server.clock.pass(2_500)
    expect(peer.all('reset')).toEqual([])
    expect(peer.all('messages')).toHaveLength(1)
    expect(peer.all('subscribed')).toHaveLength(1)
    await server.clock.pass(1_000)
    expect(peer.last('subscribed')).toMatchObject({ verdict: 'snapshot', value: 4, follows: false })
  })

  it('[P28] answers a snapshot_request without disturbing the subscription', async () => {
    const server = fakeServer({ snapshot: (_channel, { head }) => head.offset })
    await publish(server, 3)
    const peer = await server.open({ subscriptions: AGENTS })
    peer.say({ type: 'snapshot_request', sub: 1, from: 2 })
    await publish(server, 2)
    await server.clock.settle()
    expect(peer.last('subscribed')).toMatchObject({ verdict: 'snapshot', value: 3, follows: false })
    expect(offsets(peer, 1)).toEqual([4, 5])
    peer.say({ type: 'snapshot_request', sub: 1, from: 99 })
    await server.clock.settle()
    expect(peer.last('reset').reason).toBe('diverged')
  })

  it('[P28] answers at once with the own place where there are no snapshots', async () => {
    const server = fakeServer()
    const peer = await server.open({ subscriptions: AGENTS })
    await publish(server, 2)
    await server.clock.settle()
    peer.say({ type: 'snapshot_request', sub: 1, from: 1 })
    await server.clock.settle()
    expect(peer.last('subscribed')).toMatchObject({ verdict: 'start', head: { offset: 2 } })
  })

  it('[P28] shares one call between those who ask at the same time, unless it is older than what is asked for', async () => {
    const open: ((value: unknown) => void)[] = []
    const heads: number[] = []
    const server = fakeServer({ snapshot: (_channel, { head }) => (heads.push(head.offset), new Promise((resolve) => open.push(resolve))) })
    await publish(server, 1)
    const peers = [await server.open({ subscriptions: AGENTS }), await server.open({ subscriptions: AGENTS })]
    await publish(server, 2)
    peers.push(await server.open({ subscriptions: AGENTS }))
    expect(heads).toEqual([1])
    open[0]?.('shared')
    await server.clock.settle()
    for (const peer of peers) expect([peer.last('subscribed').head.offset, offsets(peer, 1)]).toEqual([1, [2, 3]])
    peers[0]?.say({ type: 'snapshot_request', sub: 1, from: 2 })
    await server.clock.settle()
    await publish(server, 1)
    peers[1]?.say({ type: 'snapshot_request', sub: 1, from: 3 })
    peers[2]?.say({ type: 'snapshot_request', sub: 1, from: 4 })
    await server.clock.settle()
    expect(heads).toEqual([1, 3, 4])
  })

  it('[P28] answers once what is asked for again meanwhile, and not with a value older than that', async () => {
    const open: ((value: unknown) => void)[] = []
    const heads: number[] = []
    const server = fakeServer({ snapshot: (_channel, { head }) => (heads.push(head.offset), new Promise((resolve) => open.push(resolve))) })
    const peer = await server.open({ subscriptions: AGENTS })
    open[0]?.('first')
    await publish(server, 1)
    await server.clock.settle()
    for (const from of [1, 1]) peer.say({ type: 'snapshot_request', sub: 1, from })
    await server.clock.settle()
    await publish(server, 2)
    peer.say({ type: 'snapshot_request', sub: 1, from: 3 })
    open[1]?.('second')
    await server.clock.settle()
    open[2]?.('third')
    await server.clock.settle()
    expect([heads, peer.all('subscribed').map(({ head }) => head.offset)]).toEqual([
      [0, 1, 3],
      [0, 3],
    ])
  })

  it('[P28] [I26] never shares the value of @user between users, and tells other channels nothing of who asks', async () => {
    const asked: [string, string | null][] = []
    const server = fakeServer({
      authenticate: ({ credential }) => ({ user: credential ?? '' }),
      snapshot: async (channel, { user }) => (asked.push([channel, user]), await Promise.resolve(), `${user}`),
    })
    const subscriptions = [
      { sub: 1, channel: '@user', cursor: null },
      { sub: 2, channel: 'agents', cursor: null },
    ]
    const [ada, bob] = [server.peer(), server.peer()]
    ada.hello({ user: 'ada', credential: 'ada', subscriptions })
    bob.hello({ user: 'bob', credential: 'bob', subscriptions })
    await server.clock.settle()
    const value = (peer: FakePeer): unknown => peer.all('subscribed').find(({ sub }) => sub === 1)
    expect([value(ada), value(bob)]).toMatchObject([{ value: 'ada' }, { value: 'bob' }])
    expect(asked.map(([channel, user]) => `${channel} ${user}`).toSorted()).toEqual(['@user ada', '@user bob', 'agents null'])
  })
})

describe('frames for many', () => {
  it('[P25] no chunk of a replay is larger than the announced frame', async () => {
    const server = fakeServer({ limits: { frameBytes: 16_384, messageBytes: 4_096 } })
    const first = await server.open({ subscriptions: AGENTS })
    const { head } = first.last('subscribed')
    for (let at = 0; at < 20; at++) await server.core.publish('agents', 'x'.repeat(1_000))
    const again = await server.open({ subscriptions: [{ sub: 1, channel: 'agents', cursor: head }] })
    await server.clock.settle()
    expect(again.all('missed_messages').flatMap(({ messages }) => messages)).toHaveLength(20)
    for (const frame of again.frames) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(16_384)
  })

  it('[P30] encodes a published message once for all who are at the same place', async () => {
    let encoded = 0
    const server = fakeServer()
    const peers = await Promise.all(Array.from({ length: 20 }, () => server.open({ subscriptions: AGENTS })))
    await server.core.publish('agents', { toJSON: () => ++encoded })
    await server.clock.settle()
    expect(encoded).toBe(1)
    expect(new Set(peers.map(({ frames }) => frames.at(-1)))).toEqual(new Set([expect.stringContaining('"data":1')]))
  })

  it('[P30] puts what is published in one turn into one frame, over all channels, up to the frame limit', async () => {
    const server = fakeServer({ limits: { frameBytes: 16_384, messageBytes: 10_000 } })
    const peer = await server.open({ subscriptions: ['a', 'b', 'c', 'd'].map((channel, at) => ({ sub: at + 1, channel, cursor: null })) })
    for (const channel of ['a', 'b', 'a', 'b']) await server.core.publish(channel, 1)
    await server.clock.settle()
    expect(peer.all('messages').map(({ batches }) => batches.map(({ sub, messages }) => [sub, messages.length]))).toEqual([
      [
        [1, 2],
        [2, 2],
      ],
    ])
    for (const channel of ['a', 'b', 'c', 'd']) await server.core.publish(channel, 'x'.repeat(7_000))
    await server.clock.settle()
    expect(peer.all('messages')).toHaveLength(3)
    expect(Math.max(...peer.frames.map((frame) => frame.length))).toBeLessThanOrEqual(16_384)
  })

  it('[P30] delivers a burst that is longer than the history to those who read', async () => {
    const server = fakeServer({ history: { messages: 100 } })
    const peer = await server.open({ subscriptions: AGENTS })
    await Promise.all(Array.from({ length: 5_000 }, (_, at) => server.core.publish('agents', at)))
    await server.clock.settle()
    expect([offsets(peer, 1).length, peer.all('reset').length]).toEqual([5_000, 0])
  })

  it('[P30] [I30] queues nothing for a receiver that does not read: it keeps its place and is reset when the log has passed it', async () => {
    const server = fakeServer({ history: { messages: 100 }, limits: { outboundBytes: 65_536 } })
    const [slow, fast] = [await server.open({ subscriptions: AGENTS }), await server.open({ subscriptions: AGENTS })]
    slow.isStalled = true
    for (let at = 0; at < 300; at++) {
      await server.core.publish('agents', 'x'.repeat(4_000))
      await server.clock.settle()
    }
    expect(slow.buffered).toBeLessThan(65_536 + 10_000)
    expect(offsets(fast, 1)).toHaveLength(300)
    slow.read()
    await server.clock.settle()
    expect(slow.last('reset')).toMatchObject({ reason: 'trimmed', to: 200 })
    expect(slow.last('subscribed')).toMatchObject({ verdict: 'start', head: { offset: 300 } })
  })

  it('[P30] closes with 4413 a socket that stays over its limit for 30 s', async () => {
    const server = fakeServer({ limits: { outboundBytes: 65_536 } })
    const peer = await server.open({ subscriptions: AGENTS })
    peer.isStalled = true
    await server.core.publish('agents', 'x'.repeat(200_000))
    await server.clock.settle()
    for (let at = 0; at < 5; at++) {
      await server.clock.pass(5_500)
      peer.say({ type: 'authenticate', credential: 'x' })
    }
    expect(peer.closedWith).toBeUndefined()
    await server.clock.pass(5_000)
    expect(peer.closedWith?.code).toBe(4413)
  })

  it('[P30] [I30] closes with 4413 a client that asks and asks and never reads', async () => {
    const server = fakeServer({ snapshot: () => 'x'.repeat(500_000) })
    const peer = await server.open({ subscriptions: AGENTS })
    peer.isStalled = true
    for (let at = 0; at < 50; at++) {
      peer.say({ type: 'snapshot_request', sub: 1, from: 0 })
      await server.clock.settle()
    }
    expect(peer.buffered).toBeLessThan(2 * 2 ** 20)
  })

  it.each([
    ['no channel name', 'a b', 1, 'invalid-data'],
    ['a reserved name', '@user', 1, 'invalid-data'],
    ['undefined', 'a', undefined, 'invalid-data'],
    ['a BigInt', 'a', 1n, 'invalid-data'],
    ['too much', 'a', 'x'.repeat(300_000), 'message-too-large'],
    ['nesting that clients refuse', 'a', JSON.parse('['.repeat(60) + ']'.repeat(60)), 'invalid-data'],
  ])('refuses to publish %s, and publishes nothing', async (_what, channel, data, code) => {
    const server = fakeServer()
    await expect(server.core.publish(channel, data)).rejects.toMatchObject({ code })
    expect(server.core.metrics().channels).toBe(0)
  })
})
