import { beforeEach, describe, expect, it } from 'vitest'
import { EPOCH, id, message, place, published, welcome } from '../core/testing/frames.ts'
import type { SocketDouble } from '../core/testing/socket-double.ts'
import { DEFAULT_LIMITS } from '../protocol/limits.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import { keepProcessUnharmed } from '../testing/process-contract.ts'
import { newcomer, numbersSent, perTest, say, settled, subOf, type TestTab, type TestWorld } from './test-hub.ts'

let world: TestWorld
perTest((fresh) => (world = fresh))
keepProcessUnharmed()

const json = (value: unknown): string => JSON.stringify(value)
const started = (sub: number, offset: number): ServerMessage => ({
  type: 'subscribed',
  sub,
  head: place(offset),
  verdict: 'start',
  follows: true,
})

describe('a hub with a bad server', () => {
  let one: TestTab
  let two: TestTab
  let socket: SocketDouble

  beforeEach(async () => {
    const hub = world.hub()
    one = world.tab(hub)
    two = world.tab(hub)
    await one.attach({ channels: [newcomer('agents')] })
    await two.attach({ channels: [newcomer('agents')] })
    socket = await world.accept()
    await say(socket, started(subOf(socket, 'agents'), 3))
    await one.hub.send([message('a')])
    expect(numbersSent(socket)).toEqual([[1, id('a')]])
    one.heard('agents')
  })

  /**
   * Closed with 4400, waits, comes back, loses nothing: the next server gets the message, and its answer reaches the
   * tab.
   */
  async function comesBack(): Promise<void> {
    expect(socket.closedWith).toBe(4400)
    expect([one.status, two.status]).toEqual(['waiting', 'waiting'])
    expect(one.heard('agents')).toEqual([])
    expect(one.fates).toEqual([{ id: id('a'), fate: 'sent' }])
    const sockets = world.sockets.all.length
    world.clock.advance(999)
    await settled()
    expect(world.sockets.all).toHaveLength(sockets)
    world.clock.advance(1)
    await goesOn(await world.accept({ connection: 2 }))
  }

  /** Everything works on this socket. */
  async function goesOn(healthy: SocketDouble): Promise<void> {
    const sub = subOf(healthy, 'agents')
    await say(healthy, { type: 'subscribed', sub, head: place(3), verdict: 'recovered', missed: 0 })
    expect([one.status, two.status]).toEqual(['connected', 'connected'])
    expect(numbersSent(healthy)).toEqual([[1, id('a')]])
    await say(healthy, { type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [{ n: 1, reply: 'done' }] })
    expect(one.fates.at(-1)).toEqual({ id: id('a'), fate: 'applied', replyJson: '"done"' })
    await say(healthy, { type: 'messages', batches: [{ sub, messages: published(4, 5) }] })
    for (const tab of [one, two]) expect(tab.heard('agents').at(-1)).toMatchObject({ at: 5, offsets: [4, 5] })
  }

  it.each<[string, string | null]>([
    ['a binary frame', null],
    ['nothing', ''],
    ['a page of HTML', '<!doctype html><title>Log in</title>'],
    ['null', 'null'],
    ['an array', '[]'],
    ['an unknown type', json({ type: 'rehello' })],
    ['a type of the client', json({ type: 'ping' })],
    ['a type that every object inherits', json({ type: 'constructor' })],
    ['arrays nested 100,000 deep', `{"type":"pong","x":${'['.repeat(100_000)}`],
    ['a prototype key', '{"type":"pong","__proto__":{"polluted":1}}'],
    [
      'a message with a prototype key',
      `{"type":"messages","batches":[{"sub":1,"messages":[{"offset":4,"id":"${id('x')}","data":1,"__proto__":{"polluted":1}}]}]}`,
    ],
    ['messages without batches', json({ type: 'messages' })],
    ['messages with a hole in them', json({ type: 'messages', batches: [{ sub: 1, messages: [...published(4, 4), ...published(6, 6)] }] })],
    ['a message without an id', json({ type: 'messages', batches: [{ sub: 1, messages: [{ offset: 4, data: 1 }] }] })],
    ['an offset of 2^53', json({ type: 'messages', batches: [{ sub: 1, messages: [{ offset: 2 ** 53, id: id('x'), data: 1 }] }] })],
    ['an ack of a negative number', json({ type: 'ack', hi: -1, stable: 0, id: '', outcomes: [] })],
    ['an ack that is stable beyond hi', json({ type: 'ack', hi: 1, stable: 2, id: id('a'), outcomes: [] })],
    ['an ack without an id', json({ type: 'ack', hi: 1, stable: 1, id: '', outcomes: [] })],
    [
      'an outcome that is none',
      json({ type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [{ n: 1, rejected: 'perhaps', message: '' }] }),
    ],
    ['a reset for no reason', json({ type: 'reset', sub: 1, reason: 'why not' })],
    ['a goodbye for a year', json({ type: 'goodbye', retryMinMs: 0, retryMaxMs: 31_536_000_000 })],
    ['a second answer to hello', json(welcome())],
  ])('(C3) that sends %s closes with 4400, comes back with backoff, and loses nothing [CN12] [P2] [I29]', async (_title, text) => {
    socket.listener.frame(text)
    await settled()
    await comesBack()
  })

  it.each<[string, (sub: number) => ServerMessage]>([
    ['a verdict that does not fit', (sub) => ({ type: 'subscribed', sub, head: place(9), verdict: 'recovered', missed: 1 })],
    [
      'a value for a channel that has its place',
      (sub) => ({ type: 'subscribed', sub, head: place(9), verdict: 'snapshot', value: 1, follows: true }),
    ],
    ['(order P10) an ack for more than was sent', () => ({ type: 'ack', hi: 2, stable: 2, id: id('b'), outcomes: [] })],
    ['(order P10) an ack for 2^48 numbers', () => ({ type: 'ack', hi: 2 ** 48, stable: 1, id: id('a'), outcomes: [] })],
  ])('(C3) that sends %s closes with 4400, comes back with backoff, and loses nothing [CN12] [P15] [I10]', async (_title, frame) => {
    await say(socket, frame(subOf(socket, 'agents')))
    await comesBack()
  })

  /** A socket whose `hello` is said and not answered. */
  async function greeted(): Promise<SocketDouble> {
    socket.listener.closed(1006)
    world.clock.advance(1_000)
    await settled()
    const next = world.sockets.last()
    next.listener.opened()
    await settled()
    return next
  }

  it.each<[string, object]>([
    ['a heartbeat without a pause', { heartbeat: { pingMs: 0, hiddenPingMs: 0, timeoutMs: 0 } }],
    ['a heartbeat of a year', { heartbeat: { pingMs: 2 ** 35, hiddenPingMs: 2 ** 35, timeoutMs: 2 ** 35 } }],
    ['frames of no size', { limits: { ...DEFAULT_LIMITS, frameBytes: 0 } }],
    ['no frame a second', { limits: { ...DEFAULT_LIMITS, framesPerSecond: 0 } }],
    ['a window without end', { limits: { ...DEFAULT_LIMITS, sendWindow: 2 ** 40 } }],
  ])('(C3) that greets with %s closes with 4400, and nothing is said to it [CN12] [P2] [I34]', async (_title, changes) => {
    const next = await greeted()
    next.listener.frame(json({ ...welcome({ connection: 2 }), ...changes }))
    await settled()
    expect([next.closedWith, next.received.map(({ type }) => type), one.status]).toEqual([4400, ['hello'], 'waiting'])
    world.clock.advance(2_000)
    await goesOn(await world.accept({ connection: 3 }))
  })

  it('(C3) that announces another number of missed messages than lie between closes with 4400 [P25] [I15]', async () => {
    const next = await greeted()
    next.send(welcome({ connection: 2 }))
    await settled()
    await say(next, { type: 'subscribed', sub: subOf(next, 'agents'), head: place(9), verdict: 'recovered', missed: 1 })
    expect([next.closedWith, one.heard('agents')]).toEqual([4400, []])
    world.clock.advance(2_000)
    await goesOn(await world.accept({ connection: 3 }))
  })

  it.each<[string, () => ServerMessage]>([
    ['messages of a subscription nobody has', () => ({ type: 'messages', batches: [{ sub: 99, messages: published(1, 3) }] })],
    ['a verdict nobody asked for', () => started(99, 4)],
    ['an answer to a question nobody asked', () => ({ type: 'recalled', client: id('other'), fates: [{ id: id('a'), fate: 'applied' }] })],
    ['a pong nobody asked for', () => ({ type: 'pong' })],
    ['a refusal of a subscription nobody has', () => ({ type: 'refused', sub: 99, reason: 'forbidden', message: 'no' })],
    ['(order P11) an ack of nothing', () => ({ type: 'ack', hi: 0, stable: 0, id: '', outcomes: [] })],
  ])('(C3) ignores %s [P15] [P22]', async (_title, frame) => {
    await say(socket, frame())
    expect([socket.closedWith, one.heard('agents'), one.fates.length]).toEqual([null, [], 1])
    await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    expect(one.fates.at(-1)).toEqual({ id: id('a'), fate: 'applied' })
  })

  it('(order P11) ignores an ack that goes back: what is settled stays settled [P15] [I10]', async () => {
    await one.hub.send([message('b'), message('c')])
    await say(socket, { type: 'ack', hi: 2, stable: 2, id: id('b'), outcomes: [] })
    await say(socket, { type: 'ack', hi: 1, stable: 1, id: id('a'), outcomes: [] })
    world.clock.advance(50)
    await settled()
    expect([socket.closedWith, one.pending]).toEqual([null, 1])
    await say(socket, { type: 'ack', hi: 3, stable: 3, id: id('c'), outcomes: [] })
    expect(one.fates.filter(({ fate }) => fate === 'applied').map((fate) => fate.id)).toEqual([id('a'), id('b'), id('c')])
  })

  it('(C3) that says unsound things on every connection is tried at most 20 times a minute, however often somebody asks for it [I34]', async () => {
    for (let at = 0; at < 600; at++) {
      await one.hub.signal('retry')
      world.sockets.last().listener.opened()
      world.sockets.last().listener.frame('{')
      await settled(2)
      world.clock.advance(100)
    }
    expect(world.sockets.all.length).toBeLessThanOrEqual(21)
    world.clock.advance(6_000)
    await goesOn(await world.accept({ connection: 2 }))
  })

  it('(C2) that replays 1,000,000 messages has a bounded cache filled, and a frozen tab is sent one batch [I30] [HU3]', async () => {
    const sub = subOf(socket, 'agents')
    two.freeze()
    await say(socket, { type: 'messages', batches: [{ sub, messages: published(4, 4) }] })
    const before = two.batches.length
    const size = 500
    const memory = process.memoryUsage().heapUsed
    for (let from = 5; from < 1_000_000; from += size) {
      const messages = Array.from({ length: size }, (_, at) => `{"offset":${from + at},"id":"${id(`m${from + at}`)}","data":${from + at}}`)
      socket.listener.frame(`{"type":"messages","batches":[{"sub":${sub},"messages":[${messages.join(',')}]}]}`)
      if (from % 50_000 === 5) await settled(1)
    }
    await settled()
    expect([socket.closedWith, two.batches.length - before <= 1]).toEqual([null, true])
    expect(one.heard('agents').at(-1)).toMatchObject({ at: 1_000_004 })
    expect(process.memoryUsage().heapUsed - memory).toBeLessThan(300 * 2 ** 20)
    await two.thaw()
    expect(two.heard('agents').at(-1)).toMatchObject({ at: 1_000_004 })
    expect(world.disk.channels.get('agents')?.messages.length ?? 0).toBeLessThanOrEqual(2_000)
  }, 30_000)

  it('(C3) that breaks off in the middle of a replay is asked to go on from the last message [P26]', async () => {
    const sub = subOf(socket, 'agents')
    await say(socket, { type: 'messages', batches: [{ sub, messages: published(9, 9) }] })
    const again = socket.received.at(-1)
    expect(again).toMatchObject({ type: 'subscribe', subscriptions: [{ channel: 'agents', cursor: { epoch: EPOCH, offset: 3 } }] })
    expect(one.heard('agents')).toEqual([])
  })
})
