import { describe, expect, it } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import type { Engine } from './engine.ts'
import { fakeServer, freshId, type FakePeer } from './testing/fake-peer.ts'
import { Rejected } from './rejected.ts'
import type { NumberedMessage } from '../protocol/index.ts'

const users = { authenticate: ({ credential }: { credential: string | null }) => ({ user: credential ?? '' }) }

function numbered(from: number, to: number, ids: string[] = []): NumberedMessage[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ({
    n: from + at,
    id: (ids[from + at] ??= freshId()),
    channel: 'a',
    data: from + at,
  }))
}

function send(peer: FakePeer, messages: NumberedMessage[], confirmed = 0): void {
  peer.say({ type: 'send', confirmed, messages })
}

describe('numbers', () => {
  it('[P10] [I10] acknowledges after the commit, with reply and publications in one step', async () => {
    const order: string[] = []
    const inner = memoryEngine()
    const engine: Engine = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        if (key !== 'commit') return value.bind(target)
        return async (...given: Parameters<Engine['commit']>) => {
          await Promise.resolve()
          order.push('commit')
          return target.commit(...given)
        }
      },
    })
    const { open, clock } = fakeServer({ engine, onMessage: (message, context) => (context.publish('a', 'p'), { ok: message.n }) })
    const peer = await open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    const [message] = numbered(1, 1)
    if (message === undefined) return
    const { send: sendFrame } = peer
    peer.send = (frame) => {
      if (frame.text.includes('"ack"')) order.push('ack')
      sendFrame.call(peer, frame)
    }
    send(peer, [message])
    await clock.settle()
    expect(order).toEqual(['commit', 'ack'])
    expect(peer.last('ack')).toEqual({ type: 'ack', hi: 1, stable: 1, id: message.id, outcomes: [{ n: 1, reply: { ok: 1 } }] })
    expect(peer.messagesOf(1)).toEqual([{ offset: 1, id: expect.any(String), data: 'p', origin: message.id }])
  })

  it('[P10] [I8] applies in order, each once, and merges the acks', async () => {
    const applied: unknown[] = []
    const { open, clock } = fakeServer({ onMessage: ({ data }) => void applied.push(data) })
    const peer = await open()
    for (let n = 1; n <= 300; n += 3) send(peer, numbered(n, n + 2))
    await clock.settle()
    expect(applied).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
    expect(peer.all('ack')).toHaveLength(1)
    expect(peer.last('ack')).toMatchObject({ hi: 300, outcomes: [] })
  })

  it('[P11] [I7] acknowledges a known number again without applying it', async () => {
    let calls = 0
    const { open, clock } = fakeServer({ onMessage: () => ({ call: ++calls }) })
    const peer = await open()
    const messages = numbered(1, 3)
    send(peer, messages)
    await clock.settle()
    send(peer, messages)
    await clock.settle()
    expect(calls).toBe(3)
    expect(peer.all('ack').map(({ hi, outcomes }) => [hi, outcomes])).toEqual([
      [
        3,
        [
          { n: 1, reply: { call: 1 } },
          { n: 2, reply: { call: 2 } },
          { n: 3, reply: { call: 3 } },
        ],
      ],
      [
        3,
        [
          { n: 1, reply: { call: 1 } },
          { n: 2, reply: { call: 2 } },
          { n: 3, reply: { call: 3 } },
        ],
      ],
    ])
  })

  it('[P11] [P13] [I23] answers another id at a known number with conflict, and applies nothing after it on that connection', async () => {
    const applied: unknown[] = []
    const { open, clock } = fakeServer({ onMessage: ({ data }) => void applied.push(data) })
    const peer = await open()
    send(peer, numbered(1, 2))
    send(peer, [...numbered(2, 2), ...numbered(3, 4)])
    send(peer, numbered(3, 5))
    await clock.settle()
    expect([applied, peer.all('conflict')]).toEqual([[1, 2], [{ type: 'conflict', n: 2 }]])
    expect(peer.received.map(({ type }) => type)).toEqual(['session_init', 'ack', 'conflict'])
    const next = await open({ client: peer.client })
    expect(next.answer().client?.hi).toBe(2)
    send(next, numbered(3, 3))
    await clock.settle()
    expect(applied).toEqual([1, 2, 3])
  })

  it('[P11] [P13] [I9] answers a gap with expected, once, and applies nothing until the number comes', async () => {
    const applied: unknown[] = []
    const { open, clock } = fakeServer({ onMessage: ({ data }) => void applied.push(data) })
    const peer = await open()
    const ids: string[] = []
    send(peer, numbered(1, 1, ids))
    send(peer, numbered(3, 4, ids))
    await clock.settle()
    send(peer, numbered(5, 5, ids))
    await clock.settle()
    expect([applied, peer.all('expected')]).toEqual([[1], [{ type: 'expected', n: 2 }]])
    send(peer, numbered(2, 5, ids))
    await clock.settle()
    expect([applied, peer.last('ack').hi]).toEqual([[1, 2, 3, 4, 5], 5])
  })

  it('[P12] remembers every number above confirmed and the last 32', async () => {
    const { open, clock } = fakeServer({ onMessage: () => 'r' })
    const peer = await open()
    const ids: string[] = []
    send(peer, numbered(1, 500, ids))
    await clock.settle()
    send(peer, numbered(1, 1, ids))
    await clock.settle()
    expect(peer.last('ack').outcomes).toEqual([{ n: 1, reply: 'r' }])
    send(peer, numbered(501, 501, ids), 500)
    // 460 is forgotten now: acknowledged again, whatever its id. 470 is among the last 32.
    send(peer, numbered(460, 460), 500)
    await clock.settle()
    expect(peer.last('ack')).toMatchObject({ hi: 501, outcomes: [{ n: 501, reply: 'r' }] })
    send(peer, numbered(470, 470), 500)
    await clock.settle()
    expect(peer.last('conflict').n).toBe(470)
  })

  it('[P12] [I30] applies nothing more for a client that never confirms', async () => {
    const { open, clock } = fakeServer({ limits: { sendWindow: 100, unconfirmed: 1_000 }, onMessage: () => undefined })
    const peer = await open()
    for (let n = 1; n <= 6_000 && peer.closedWith === undefined; n += 100) {
      send(peer, numbered(n, n + 99))
      await clock.pass(100)
    }
    expect([peer.last('ack').hi, peer.closedWith]).toEqual([
      1_000,
      { name: 'rate', code: 4429, why: 'P16: more than twice sendWindow above the last ack' },
    ])
  })

  it('[P13] [I12] refuses a client it knows nothing of when its numbers do not begin at 1', async () => {
    let calls = 0
    const { open, clock, core } = fakeServer({ onMessage: () => void calls++ })
    const peer = await open()
    send(peer, numbered(50, 51))
    send(peer, numbered(1, 1))
    await clock.settle()
    expect([peer.all('unknown_client').length, calls, core.metrics().clients]).toEqual([1, 0, 0])
  })

  it('(SEC5) [P9] is unknown to every user but the first', async () => {
    const { open, clock } = fakeServer({ ...users, onMessage: () => undefined })
    const ada = await open({ user: 'ada', credential: 'ada' })
    send(ada, numbered(1, 1))
    await clock.settle()
    const bob = await open({ user: 'bob', credential: 'bob', client: ada.client })
    expect(bob.answer().client).toBeNull()
    send(bob, numbered(1, 1))
    bob.say({ type: 'recall', client: ada.client, ids: [ada.last('ack').id] })
    await clock.settle()
    expect([bob.all('unknown_client').length, bob.last('recalled').fates]).toEqual([1, []])
  })

  it('[P15] never lets hi fall, and splits an ack whose outcomes do not fit into a frame where they end', async () => {
    const { open, clock } = fakeServer({ limits: { frameBytes: 16_384, messageBytes: 4_000 }, onMessage: ({ n }) => `${n}`.repeat(1_900) })
    const peer = await open()
    const ids: string[] = []
    send(peer, numbered(1, 30, ids))
    await clock.settle()
    const acks = peer.all('ack')
    expect(acks.length).toBeGreaterThan(3)
    let told = 0
    for (const { hi, stable, id, outcomes } of acks) {
      expect([hi, id]).toEqual([stable, ids[hi]])
      expect(outcomes.map(({ n }) => n)).toEqual(Array.from({ length: hi - told }, (_, at) => told + at + 1))
      told = hi
    }
    expect(told).toBe(30)
    expect(Math.max(...peer.frames.map((frame) => frame.length))).toBeLessThanOrEqual(16_384)
    send(peer, numbered(1, 12, ids))
    await clock.settle()
    expect(
      peer
        .all('ack')
        .map(({ hi }) => hi)
        .every((hi, at, all) => at === 0 || hi >= (all[at - 1] ?? 0)),
    ).toBe(true)
  })

  it('[P16] closes with 4429 a client that sends more than twice the window', async () => {
    const { open } = fakeServer({ limits: { sendWindow: 10 }, onMessage: () => new Promise(() => {}) })
    const [honest, flood] = [await open(), await open()]
    send(honest, numbered(1, 20))
    send(flood, numbered(1, 21))
    expect([honest.closedWith, flood.closedWith?.code]).toEqual([undefined, 4429])
  })

  it('[P17] tells the outcomes owed after the answer, in one ack', async () => {
    const { open, clock } = fakeServer({ onMessage: ({ n }) => ({ n }) })
    const first = await open()
    const ids: string[] = []
    send(first, numbered(1, 5, ids))
    first.drop()
    await clock.settle()
    const second = await open({ client: first.client, confirmed: 2 })
    expect(second.answer().client).toEqual({ hi: 5, id: ids[5] })
    expect(second.received.slice(1)).toEqual([
      { type: 'ack', hi: 5, stable: 5, id: ids[5], outcomes: [3, 4, 5].map((n) => ({ n, reply: { n } })) },
    ])
    expect((await open({ client: first.client, confirmed: 5 })).all('ack')).toEqual([])
  })

  it('[P17] [P15] tells the outcome of a number that an older connection left behind before an ack covers it', async () => {
    const settle: ((value: unknown) => void)[] = []
    const { open, clock } = fakeServer({ onMessage: () => new Promise((resolve) => settle.push(resolve)) })
    const old = await open()
    const ids: string[] = []
    send(old, numbered(1, 2, ids))
    const young = await open({ client: old.client, session: old.last('session_init').session })
    expect(young.answer().client).toBeNull()
    settle[0]?.('one')
    await clock.settle()
    send(young, numbered(1, 2, ids))
    await clock.settle()
    expect(young.last('ack')).toMatchObject({ hi: 1, outcomes: [{ n: 1, reply: 'one' }] })
    expect(settle).toHaveLength(2)
  })

  it('[P19] [P20] recalls the fates it knows, also under an earlier client id', async () => {
    const { open, clock } = fakeServer({
      onMessage({ n }) {
        if (n === 2) throw new Rejected('too long')
        return n === 1 ? 'one' : undefined
      },
    })
    const first = await open()
    const ids: string[] = []
    send(first, numbered(1, 3, ids))
    first.say({ type: 'skip', numbers: [{ n: 4, id: (ids[4] = freshId()) }] })
    await clock.settle()
    const second = await open()
    second.say({ type: 'recall', client: first.client, ids: [...ids.slice(1), freshId()] })
    await clock.settle()
    expect(second.last('recalled')).toEqual({
      type: 'recalled',
      client: first.client,
      fates: [
        { id: ids[1], fate: 'applied', reply: 'one' },
        { id: ids[2], fate: 'rejected', rejected: 'rejected', message: 'too long' },
        { id: ids[3], fate: 'applied' },
        { id: ids[4], fate: 'skipped' },
      ],
    })
  })

  it('[P19] does not take a message that is being applied for unknown', async () => {
    let settle: ((value: unknown) => void) | undefined
    const { open, clock } = fakeServer({ onMessage: () => new Promise((resolve) => (settle = resolve)) })
    const first = await open()
    const ids: string[] = []
    send(first, numbered(1, 1, ids))
    const second = await open()
    second.say({ type: 'recall', client: first.client, ids: ids.slice(1) })
    await clock.settle()
    expect(second.all('recalled')).toEqual([])
    settle?.('done')
    await clock.settle()
    expect(second.last('recalled').fates).toEqual([{ id: ids[1], fate: 'applied', reply: 'done' }])
  })
})

describe('handlers', () => {
  it('[P14] gives Rejected as a final outcome and goes on', async () => {
    const { open, clock } = fakeServer({
      onMessage({ n }, context) {
        context.publish('a', n)
        if (n === 1) throw new Rejected('x'.repeat(5_000))
      },
    })
    const peer = await open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    send(peer, numbered(1, 2))
    await clock.settle()
    expect(peer.last('ack').outcomes).toEqual([{ n: 1, rejected: 'rejected', message: 'x'.repeat(2_000) }])
    expect(peer.messagesOf(1).map(({ data }) => data)).toEqual([2])
  })

  it('[P14] [I14] tries five times with pauses, then rejects as failed, and later numbers proceed', async () => {
    const calls: unknown[] = []
    const { open, clock } = fakeServer({
      onMessage({ n }, context) {
        calls.push(n)
        context.publish('a', n)
        if (n === 1) throw new Error('SECRET')
      },
    })
    const peer = await open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    send(peer, numbered(1, 2))
    await clock.settle()
    expect(calls).toEqual([1])
    await clock.pass(10_000)
    expect(calls).toEqual([1, 1, 1, 1, 1, 2])
    expect(peer.last('ack').outcomes).toEqual([{ n: 1, rejected: 'failed', message: 'the handler failed' }])
    expect(peer.messagesOf(1).map(({ data }) => data)).toEqual([2])
  })

  it('[P14] gives a handler 30 s, aborts its signal, and takes nothing from it afterwards', async () => {
    const signals: AbortSignal[] = []
    const late: unknown[] = []
    const { open, clock } = fakeServer({
      async onMessage({ n }, context) {
        if (n === 2) return
        signals.push(context.signal)
        await new Promise((_resolve, reject) => context.signal.addEventListener('abort', () => reject(new Error('aborted'))))
      },
    })
    const peer = await open()
    send(peer, numbered(1, 2))
    for (let at = 0; at < 17; at++) {
      await clock.pass(10_000)
      peer.say({ type: 'ping' })
    }
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true, true])
    expect(peer.last('ack')).toMatchObject({ hi: 2, outcomes: [{ n: 1, rejected: 'failed' }] })
    expect(late).toEqual([])
  })

  it('[P14] refuses to publish after the handler has ended', async () => {
    let publishLate: (() => void) | undefined
    const { open, clock } = fakeServer({ onMessage: (_message, context) => void (publishLate = () => context.publish('a', 1)) })
    send(await open(), numbered(1, 1))
    await clock.settle()
    expect(publishLate).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  it.each([
    ['the app says no', { authorize: ({ action }: { action: string }) => action !== 'send' }, 'a'],
    ['the app fails to say', { authorize: () => Promise.reject(new Error('db')) }, 'a'],
    ['the channel is reserved', {}, '@user'],
  ])('[P14] rejects as forbidden when %s, and goes on', async (_what, options, channel) => {
    const { open, clock } = fakeServer({ ...options, onMessage: () => 'never' })
    const peer = await open()
    const [message] = numbered(1, 1)
    if (message !== undefined) send(peer, [{ ...message, channel }])
    await clock.settle()
    expect(peer.last('ack')).toMatchObject({ hi: 1, outcomes: [{ n: 1, rejected: 'forbidden' }] })
  })

  it('[P14] commits a skipped number like any other', async () => {
    const { open, clock } = fakeServer({ onMessage: () => undefined })
    const peer = await open()
    peer.say({ type: 'skip', numbers: [{ n: 1, id: freshId() }] })
    send(peer, numbered(2, 2))
    await clock.settle()
    expect(peer.last('ack')).toMatchObject({ hi: 2, outcomes: [{ n: 1, skipped: true }] })
  })

  it('[P14] [EF1] rejects a message over the limit, and gives no reply that JSON cannot carry', async () => {
    const { open, clock } = fakeServer({ limits: { messageBytes: 1_000 }, onMessage: () => 1n })
    const peer = await open()
    const [large, small] = numbered(1, 2)
    if (large !== undefined && small !== undefined) send(peer, [{ ...large, data: 'é'.repeat(600) }, small])
    await clock.pass(10_000)
    expect(peer.last('ack').outcomes.length + peer.all('ack').length).toBeGreaterThan(1)
    expect(peer.all('ack').flatMap(({ outcomes }) => outcomes)).toMatchObject([
      { n: 1, rejected: 'too-large' },
      { n: 2, replyLost: 'invalid' },
    ])
  })

  it('[P18] handles a volatile message once, without number or answer', async () => {
    const got: unknown[] = []
    const { open, clock } = fakeServer({
      onMessage(message, context) {
        got.push(message)
        context.publish('a', 'typing')
        if (got.length === 2) throw new Error('no')
      },
    })
    const peer = await open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    const ids = [freshId(), freshId()]
    peer.say({ type: 'volatile', messages: ids.map((id) => ({ id, channel: 'a', data: 1 })) })
    await clock.pass(20_000)
    const key = expect.any(String) as unknown
    expect(got).toEqual(ids.map((id) => ({ key, id, client: peer.client, channel: 'a', data: 1, durable: false, mayRepeat: false })))
    expect(peer.received.map(({ type }) => type)).toEqual(['session_init', 'subscribed', 'messages'])
  })

  it('[I10] [I32] sends no ack when the engine fails, closes with 1011, and goes on when it is well', async () => {
    const inner = memoryEngine()
    let isDown = true
    const engine: Engine = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        if (key === 'commit' && isDown) return () => Promise.reject(new Error('down'))
        return value.bind(target)
      },
    })
    const { open, clock, core } = fakeServer({ engine, onMessage: () => undefined })
    const peer = await open()
    const messages = numbered(1, 3)
    send(peer, messages)
    await clock.settle()
    expect([peer.closedWith?.code, peer.all('ack')]).toEqual([1011, []])
    isDown = false
    const again = await open({ client: peer.client })
    send(again, messages)
    await clock.settle()
    expect(again.last('ack').hi).toBe(3)
    expect(core.metrics().totals).toMatchObject({ received: 6, applied: 3, 'dropped.failed': 3 })
  })
})
