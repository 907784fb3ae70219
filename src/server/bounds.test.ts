import { describe, expect, it } from 'vitest'
import { fakeServer, freshId, type FakePeer } from './testing/fake-peer.ts'
import type { ClientMessage, NumberedMessage } from '../protocol/index.ts'

const numbered = (from: number, count: number): NumberedMessage[] =>
  Array.from({ length: count }, (_, at) => ({ n: from + at, id: freshId(), channel: 'a', data: at }))

const never = (): Promise<never> => new Promise(() => {})
const waiting = (peer: FakePeer): string => (peer.closedWith === undefined ? 'open' : String(peer.closedWith.code))

describe('what a client may make the server keep', () => {
  it('(SEC10) [P62] [I30] replies that are not confirmed: the next number waits until the client has', async () => {
    let applied = 0
    const { open, clock, core } = fakeServer({ limits: { replyBytes: 100_000 }, onMessage: () => (applied++, 'r'.repeat(10_000)) })
    const peer = await open()
    const messages = numbered(1, 100)
    peer.say({ type: 'send', confirmed: 0, messages })
    await clock.settle()
    expect([waiting(peer), applied, core.metrics().totals['heldBack']]).toEqual(['open', 10, 1])
    const told = peer.last('ack').hi
    expect(told).toBe(10)
    peer.say({ type: 'send', confirmed: 4, messages: [] })
    await clock.settle()
    expect([applied, peer.last('ack').hi]).toEqual([14, 14])
    // What a connection that is gone has left is not waited for: its client sends it again.
    peer.drop()
    await clock.settle()
    const next = await open({ client: peer.client, confirmed: 14 })
    expect(core.metrics().totals['dropped.unconfirmed']).toBe(1)
    next.say({ type: 'send', confirmed: 14, messages: messages.slice(14, 20) })
    await clock.settle()
    expect([waiting(next), applied, next.last('ack').hi]).toEqual(['open', 20, 20])
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

  it('(SEC10) [P62] [I30] replies of slow handlers: the next number waits', async () => {
    let applied = 0
    const { open, clock } = fakeServer({
      limits: { replyBytes: 50_000 },
      onMessage: async () => (applied++, Promise.resolve('r'.repeat(10_000))),
    })
    const peer = await open()
    peer.say({ type: 'send', confirmed: 0, messages: numbered(1, 100) })
    await clock.settle()
    expect([waiting(peer), applied]).toEqual(['open', 5])
    peer.say({ type: 'send', confirmed: 5, messages: [] })
    await clock.settle()
    expect([waiting(peer), applied]).toEqual(['open', 10])
  })

  it.each<[string, (peer: FakePeer) => void]>([
    ['credentials', (peer) => peer.say({ type: 'authenticate', credential: 'x' })],
    ['recalls', (peer) => peer.say({ type: 'recall', client: peer.client, ids: [freshId()] })],
  ])('(SEC10) [P35] [P60] [I30] questions under way: %s', async (_, ask) => {
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
    expect(peer.isHeld).toBe(false)
    ask(peer)
    peer.say({ type: 'ping' })
    await clock.settle()
    // Neither the question nor what is behind it is read, and the client hears all the same that the server lives.
    expect([waiting(peer), peer.isHeld, peer.all('pong').length]).toEqual(['open', true, 0])
    const before = peer.frames.length
    await clock.pass(6_000)
    expect([waiting(peer), peer.all('pong').length, peer.frames.length - before]).toEqual(['open', 0, 1])
    expect(core.metrics().totals['closes.rate']).toBeUndefined()
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
    peer.say({ type: 'subscribe', subscriptions: Array.from({ length: 20 }, (_, at) => ({ sub: at + 1, channel: 'a', cursor: null })) })
    await clock.settle()
    expect([asked, peer.all('refused').length, core.metrics().totals['refused.subscription.limit']]).toEqual([16, 4, 4])
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
  ])('(SEC10) [P60] [I30] %s at a time: beyond the burst nothing is read for a while', async (_, frame) => {
    const limits = {
      sendWindow: 100,
      messageBurst: 100,
      messagesPerSecond: 1,
      channels: 50,
      subscriptionBurst: 100,
      subscriptionsPerSecond: 1,
    }
    const { open, clock } = fakeServer({ limits, onMessage: () => undefined })
    const peer = await open()
    peer.say(frame(1, 100))
    await clock.settle()
    expect(peer.isHeld).toBe(false)
    peer.say(frame(101, 1))
    peer.say({ type: 'ping' })
    await clock.settle()
    expect([waiting(peer), peer.isHeld, peer.all('pong').length]).toEqual(['open', true, 0])
    await clock.pass(600)
    expect([waiting(peer), peer.isHeld, peer.all('pong').length]).toEqual(['open', false, 1])
  })

  it('(SEC10) [P62] [I30] numbers that are not confirmed: the next one waits until some are', async () => {
    const { open, clock } = fakeServer({ limits: { sendWindow: 10, unconfirmed: 25 }, onMessage: () => undefined })
    const peer = await open()
    for (let n = 1; n <= 30; n += 10) peer.say({ type: 'send', confirmed: 0, messages: numbered(n, 10) })
    await clock.settle()
    expect([waiting(peer), peer.last('ack').hi]).toEqual(['open', 25])
    peer.say({ type: 'send', confirmed: 25, messages: [] })
    await clock.settle()
    expect([waiting(peer), peer.last('ack').hi]).toEqual(['open', 30])
  })

  it('(SEC10) [P30] [I30] acks that it does not read: closed with 4413 when its time is up', async () => {
    const { open, clock } = fakeServer({ onMessage: () => 'r'.repeat(200_000) })
    const peer = await open()
    peer.isStalled = true
    for (let n = 1; n <= 60; n++) {
      peer.say({ type: 'send', confirmed: n - 1, messages: numbered(n, 1) })
      await clock.settle()
    }
    expect(waiting(peer)).toBe('open')
    await clock.pass(32_000)
    expect(waiting(peer)).toBe('4413')
  })

  it('[P60] what the server writes in one turn is no slow consumer: the client goes on when it has read', async () => {
    const { open, clock } = fakeServer({ limits: { messageBytes: 200_000 }, onMessage: () => 'r'.repeat(150_000) })
    const peer = await open()
    peer.isStalled = true
    peer.say({ type: 'send', confirmed: 0, messages: numbered(1, 100) })
    await clock.settle()
    await clock.pass(5_000)
    expect(waiting(peer)).toBe('open')
    peer.isStalled = false
    for (let times = 0; times < 200; times++) {
      peer.read()
      await clock.settle()
    }
    peer.say({ type: 'ping' })
    await clock.settle()
    expect([waiting(peer), peer.last('ack').hi, peer.all('pong').length]).toEqual(['open', 100, 1])
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

  it('(SEC10) [P60] [I30] frames before the answer to hello: they wait, and nothing more is read', async () => {
    let answer = (): void => {}
    const { peer, clock } = fakeServer({
      authorize: () => true,
      authenticate: () => new Promise<{ user: string }>((resolve) => (answer = () => resolve({ user: 'ada' }))),
    })
    const early = peer()
    early.hello({ user: 'ada' })
    for (let times = 0; times <= 100; times++) early.say({ type: 'ping' })
    await clock.settle()
    expect([waiting(early), early.isHeld]).toEqual(['open', true])
    answer()
    await clock.settle()
    expect([waiting(early), early.isHeld, early.all('pong').length]).toEqual(['open', false, 101])
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
