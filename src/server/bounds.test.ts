import { describe, expect, it } from 'vitest'
import { fakeServer, freshId, type FakePeer } from './testing/fake-peer.ts'
import type { ClientMessage, NumberedMessage } from '../protocol/index.ts'

const numbered = (from: number, count: number): NumberedMessage[] =>
  Array.from({ length: count }, (_, at) => ({ n: from + at, id: freshId(), channel: 'a', data: at }))

const never = (): Promise<never> => new Promise(() => {})
const waiting = (peer: FakePeer): string => (peer.closedWith === undefined ? 'open' : String(peer.closedWith.code))

describe('what a client may make the server keep', () => {
  it('(SEC10) [P16] [I30] replies that are not confirmed: closed with 4429, and what was told can be confirmed with the next hello', async () => {
    let applied = 0
    const { open, clock, core } = fakeServer({ limits: { replyBytes: 100_000 }, onMessage: () => (applied++, 'r'.repeat(10_000)) })
    const peer = await open()
    const messages = numbered(1, 100)
    peer.say({ type: 'send', confirmed: 0, messages })
    await clock.settle()
    expect(waiting(peer)).toBe('4429')
    expect(applied).toBeLessThanOrEqual(100)
    const told = peer.all('ack').at(-1)?.hi ?? 0
    expect(told).toBeGreaterThan(0)
    expect(core.metrics().totals['closes.rate']).toBe(1)
    const next = await open({ client: peer.client, confirmed: told })
    next.say({ type: 'send', confirmed: told, messages: messages.slice(told, told + 5) })
    await clock.settle()
    expect(waiting(next)).toBe('open')
  })

  it.each(['at once', 'later'])('[BU4] a record without room: closed with 1013 when all of it was told, which happens %s', async (when) => {
    const replies = [40_000, 50_000].map((length) => 'r'.repeat(length))
    const { open, clock, core } = fakeServer({
      sessions: { recordBytes: 2 ** 20 },
      onMessage: ({ data }) => (when === 'later' ? Promise.resolve(replies[Number(data)]) : replies[Number(data)]),
    })
    const peer = await open()
    const messages = numbered(1, 2)
    peer.isStalled = true
    peer.say({ type: 'send', confirmed: 0, messages: messages.slice(0, 1) })
    await clock.pass(100)
    expect(peer.all('ack')).toEqual([])
    peer.say({ type: 'send', confirmed: 0, messages: messages.slice(1) })
    await clock.pass(100)
    expect([waiting(peer), core.metrics().totals['closes.busy']]).toEqual(['1013', 1])
    const told = peer.all('ack').flatMap(({ outcomes }) => outcomes)
    expect(told.map((outcome) => [outcome.n, 'reply' in outcome ? JSON.stringify(outcome.reply).length : 0])).toEqual([
      [1, 40_002],
      [2, 50_002],
    ])
  })

  it('(SEC10) [P16] [I30] replies of slow handlers: nothing more of that connection is applied', async () => {
    let applied = 0
    const { open, clock } = fakeServer({
      limits: { replyBytes: 50_000 },
      onMessage: async () => (applied++, Promise.resolve('r'.repeat(10_000))),
    })
    const peer = await open()
    peer.say({ type: 'send', confirmed: 0, messages: numbered(1, 100) })
    await clock.settle()
    expect([waiting(peer), applied]).toEqual(['4429', 5])
  })

  it.each<[string, (peer: FakePeer) => void]>([
    ['credentials', (peer) => peer.say({ type: 'authenticate', credential: 'x' })],
    ['recalls', (peer) => peer.say({ type: 'recall', client: peer.client, ids: [freshId()] })],
  ])('(SEC10) [P35] [I30] questions under way: %s', async (_, ask) => {
    let hello = true
    const { open, clock, core } = fakeServer({
      authenticate: () => (hello ? ((hello = false), { user: 'ada' }) : never()),
      onMessage: never,
    })
    const peer = await open({ user: 'ada' })
    peer.say({ type: 'send', confirmed: 0, messages: numbered(1, 1) })
    await clock.settle()
    for (let times = 0; times < 16; times++) ask(peer)
    await clock.settle()
    expect(waiting(peer)).toBe('open')
    ask(peer)
    await clock.settle()
    expect([waiting(peer), core.metrics().totals['closes.rate']]).toEqual(['4429', 1])
  })

  it('[P35] a question that was answered makes room for the next', async () => {
    const { open, clock } = fakeServer()
    const peer = await open()
    for (let times = 0; times < 100; times++) {
      peer.say({ type: 'recall', client: freshId(), ids: [] })
      await clock.settle()
    }
    expect([waiting(peer), peer.all('recalled').length]).toEqual(['open', 100])
  })

  it('(SEC10) [P29] [I30] [I31] subscriptions that wait for permission: further ones are refused with limit', async () => {
    let asked = 0
    const { open, clock, core } = fakeServer({ limits: { channels: 2 }, authorize: () => (asked++, never()) })
    const peer = await open()
    for (let sub = 1; sub <= 20; sub++) peer.say({ type: 'subscribe', subscriptions: [{ sub, channel: 'a', cursor: null }] })
    await clock.settle()
    expect([asked, peer.all('refused').length, core.metrics().totals['refused.subscription.limit']]).toEqual([8, 12, 12])
  })

  it.each<[string, (from: number, count: number) => ClientMessage]>([
    [
      'subscriptions',
      (from, count) => ({
        type: 'subscribe',
        subscriptions: Array.from({ length: count }, (_, at) => ({ sub: from + at, channel: 'a', cursor: null })),
      }),
    ],
    ['messages', (from, count) => ({ type: 'send', confirmed: 0, messages: numbered(from, count) })],
    ['skipped numbers', (from, count) => ({ type: 'skip', numbers: numbered(from, count).map(({ n, id }) => ({ n, id })) })],
    [
      'messages without a number',
      (from, count) => ({ type: 'volatile', messages: numbered(from, count).map(({ id, channel, data }) => ({ id, channel, data })) }),
    ],
  ])('(SEC10) [P16] [I30] %s at a time: beyond the burst closed with 4429', async (_, frame) => {
    const { open, clock } = fakeServer({ limits: { messageBurst: 100, messagesPerSecond: 1 }, onMessage: () => undefined })
    const peer = await open()
    peer.say(frame(1, 100))
    await clock.settle()
    expect(waiting(peer)).toBe('open')
    peer.say(frame(101, 1))
    await clock.settle()
    expect(waiting(peer)).toBe('4429')
  })

  it('(SEC10) [P12] [I30] numbers that are not confirmed: 4,096 may be, however small the window', async () => {
    const { open, clock } = fakeServer({ limits: { sendWindow: 10 }, onMessage: () => undefined })
    const peer = await open()
    for (let n = 1; n <= 4_090; n += 10) {
      peer.say({ type: 'send', confirmed: 0, messages: numbered(n, 10) })
      await clock.pass(100)
    }
    expect([waiting(peer), peer.last('ack').hi]).toEqual(['open', 4_090])
  })

  it('(SEC10) [P30] [I30] acks that it does not read: closed with 4413, long before its time is up', async () => {
    const { open, clock } = fakeServer({ onMessage: () => 'r'.repeat(200_000) })
    const peer = await open()
    peer.isStalled = true
    for (let n = 1; n <= 60; n++) {
      peer.say({ type: 'send', confirmed: n - 1, messages: numbered(n, 1) })
      await clock.settle()
    }
    expect(waiting(peer)).toBe('4413')
    expect(peer.buffered).toBeLessThan(5 * 2 ** 20)
  })

  it('(SEC10) [P9] [I30] [I31] client ids: four for each session there may be, then the one away for longest is given up and counted', async () => {
    const { open, clock, core } = fakeServer({ sessions: { max: 1, sweepMs: 1_000 }, onMessage: () => undefined })
    for (let times = 0; times < 7; times++) {
      const peer = await open()
      peer.say({ type: 'send', confirmed: 0, messages: numbered(1, 1) })
      await clock.settle()
      expect(waiting(peer)).toBe('open')
      peer.drop()
      await clock.pass(2_000)
    }
    expect(core.metrics()).toMatchObject({ clients: 4, totals: { 'dropped.clients': 3 } })
  })

  it('(SEC9) [P29] [I28] [I32] permission that is not given in 30 s: it is refused', async () => {
    const { open, clock } = fakeServer({ authorize: never })
    const peer = await open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    await clock.pass(29_000)
    expect(peer.all('refused')).toEqual([])
    await clock.pass(1_000)
    expect(peer.last('refused')).toMatchObject({ sub: 1, reason: 'forbidden' })
  })

  it('(SEC10) [P18] [I30] [I31] volatile messages under way: further ones are dropped and counted', async () => {
    const { open, clock, core } = fakeServer({ limits: { sendWindow: 3 }, onMessage: never })
    const peer = await open()
    peer.say({ type: 'volatile', messages: Array.from({ length: 10 }, () => ({ id: freshId(), channel: 'a', data: 1 })) })
    await clock.settle()
    expect(core.metrics().totals).toMatchObject({ volatile: 10, 'dropped.volatile': 7 })
  })

  it('(SEC10) [I30] frames before the answer to hello: closed with 4429', async () => {
    const { peer, clock } = fakeServer({ authenticate: never })
    const early = peer()
    early.hello()
    for (let times = 0; times <= 32; times++) early.say({ type: 'ping' })
    await clock.settle()
    expect(waiting(early)).toBe('4429')
  })

  it('(SEC10) [I30] [BU5] large frames before the answer to hello: closed with 1009', async () => {
    const { peer, clock } = fakeServer({ authenticate: never })
    const early = peer()
    early.hello()
    for (let times = 0; times < 5; times++) early.text(' '.repeat(32_768))
    await clock.settle()
    expect(waiting(early)).toBe('open')
    early.text(' '.repeat(32_768))
    await clock.settle()
    expect(waiting(early)).toBe('1009')
  })
})

describe('a session that is resumed without end', () => {
  it('(order P15) (SEC12) [P35] [I21] [I30] is let in 60 times a minute, has one live connection, and nobody else notices', async () => {
    const { open, peer, clock, core } = fakeServer()
    const owner = await open()
    const { session } = owner.last('session_init')
    const other = await open()
    const storm = Array.from({ length: 1_000 }, () => peer())
    for (const each of storm) each.hello({ session, client: owner.client })
    await clock.settle()
    const live = storm.filter(({ closedWith }) => closedWith === undefined)
    expect(live).toHaveLength(1)
    expect(live[0]?.last('session_restored').connection).toBe(61)
    expect(core.metrics().totals).toMatchObject({ 'closes.rate': 940 })
    expect(waiting(other)).toBe('open')
    await clock.pass(1_000)
    expect((await open({ session, client: owner.client })).last('session_restored').connection).toBe(62)
  })

  it('[P35] [I27] costs the owner nothing when it is somebody without the token who tries', async () => {
    const { open, core, clock } = fakeServer({ limits: { resumesPerMinute: 20 } })
    const { session } = (await open()).last('session_init')
    for (let times = 0; times < 50; times++) await open({ session: { ...session, token: 'x'.repeat(43) } })
    expect((await open({ session })).last('session_restored').connection).toBe(2)
    expect(core.resumes.size).toBe(1)
    await clock.pass(120_000)
    expect(core.resumes.size).toBe(0)
  })
})
