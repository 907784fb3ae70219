import { describe, expect, it } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import { Rejected } from './rejected.ts'
import { fakeServer, FakePeer, freshId, type FakeServer } from './testing/fake-peer.ts'
import type { LiveServerOptions } from './options.ts'
import type { Send } from '../protocol/index.ts'

const send = (from: number, count: number): Send => ({
  type: 'send',
  confirmed: 0,
  messages: Array.from({ length: count }, (_, at) => ({ n: from + at, id: freshId(), channel: 'a', data: from + at })),
})

const types = (peer: FakePeer): string[] => peer.received.slice(1).map(({ type }) => type)

/** A socket that is closed and does not go. */
class LingeringPeer extends FakePeer {
  override close(name: Parameters<FakePeer['close']>[0]): void {
    this.closedWith = { name, code: 0 }
  }
}

describe('what waits for a slow line when its connection is closed', () => {
  /** A server with a client that does not read, and has more to be told than its line has room for. */
  async function behind(): Promise<FakeServer & { readonly slow: FakePeer }> {
    const server = fakeServer({ onMessage: () => 'x'.repeat(100_000) })
    const slow = await server.open()
    slow.isStalled = true
    slow.say(send(1, 1))
    await server.clock.settle()
    expect([server.core.metrics().totals['applied'], types(slow)]).toEqual([1, []])
    return { ...server, slow }
  }

  it('[SD1] is told before a server that stops closes it: what is committed, and the goodbye', async () => {
    const { core, slow } = await behind()
    await core.close(5_000)
    expect([types(slow), slow.closedWith?.name]).toEqual([['ack', 'goodbye'], 'restart'])
  })

  it('[SO1] is told before who signs out is closed: what was begun is acknowledged', async () => {
    const { clock, slow } = await behind()
    slow.say({ type: 'sign_out' })
    await clock.settle()
    expect([types(slow), slow.closedWith?.name]).toEqual([['ack'], 'signedOut'])
  })

  it('[SD1] is said by the connection itself where so many are due that not all have had their turn', async () => {
    let finish = (): void => {}
    const { core, open, clock } = fakeServer({ onMessage: () => new Promise<void>((resolve) => (finish = resolve)) })
    const peer = await open()
    peer.say(send(1, 1))
    await clock.settle()
    const closing = core.close(5_000)
    for (let others = 0; others < 1_000; others++) core.flusher.mark({ flush: () => {} })
    finish()
    await closing
    expect(types(peer)).toEqual(['ack', 'goodbye'])
  })
})

describe('the end of a stop', () => {
  it.each([
    [5_000, 1_000],
    [300, 300],
  ])('[SD1] with %i ms for all of it sockets have %i ms to go', async (drainMs, leftMs) => {
    const { core, clock } = fakeServer()
    const peer = new LingeringPeer(core)
    peer.hello()
    await clock.settle()
    let hasClosed = false
    void core.close(drainMs).then(() => (hasClosed = true))
    await clock.pass(leftMs - 1)
    expect([types(peer), hasClosed]).toEqual([['goodbye'], false])
    await clock.pass(1)
    expect(hasClosed).toBe(true)
  })

  it('[SD1] comes with the last socket', async () => {
    const { core, clock } = fakeServer()
    const peer = new LingeringPeer(core)
    let hasClosed = false
    void core.close(5_000).then(() => (hasClosed = true))
    await clock.pass(500)
    expect(hasClosed).toBe(false)
    peer.drop()
    await clock.settle()
    expect(hasClosed).toBe(true)
  })

  it('[SD1] a socket that was let in just before it is closed with 1012', async () => {
    const { core, peer, clock } = fakeServer({ onMessage: () => new Promise(() => {}) })
    const closing = core.close(0)
    expect(peer().closedWith?.name).toBe('restart')
    await clock.pass(0)
    await closing
  })

  it('[SD1] is no line in the log for each newcomer that it refuses: it was asked for', async () => {
    const { core, logs } = fakeServer()
    const closing = core.close(0)
    const passage = core.gate.enter({ headers: {}, origin: undefined, remoteAddress: undefined })
    expect([passage, core.metrics().totals['refused.unavailable'], logs]).toMatchObject([{ isAllowed: false, status: 503 }, 1, []])
    await closing
  })

  it('[SD2] a server whose engine starts when it closes already is never ready', async () => {
    const inner = memoryEngine()
    let begin = (): void => {}
    const start = inner.start.bind(inner)
    inner.start = async (host) => {
      await new Promise<void>((resolve) => (begin = resolve))
      await start(host)
    }
    const { core, clock } = fakeServer({ engine: inner })
    // It keeps the stop from being over.
    expect(new LingeringPeer(core).closedWith).toBeUndefined()
    const closing = core.close(1_000)
    begin()
    await clock.settle()
    expect(core.readiness).toBe('closing')
    await clock.pass(1_000)
    await closing
    expect(core.readiness).toBe('closed')
  })
})

describe('a handler that outlives the time for a stop', () => {
  /** A server whose time is over while the handler is at this try of the first message. */
  async function stopped(handler: NonNullable<LiveServerOptions['onMessage']>, afterMs = 0): Promise<FakeServer> {
    const server = fakeServer({ onMessage: handler })
    const peer = await server.open()
    peer.say(send(1, 1))
    await server.clock.pass(afterMs)
    const closing = server.core.close(50)
    await server.clock.pass(50)
    await closing
    return server
  }

  const events = ({ logs }: FakeServer): unknown[] => logs.map((line) => (line as { event: string }).event)

  it('[SD1] is not called again when its pause is over', async () => {
    let tries = 0
    const server = await stopped(() => {
      tries++
      throw new Error('no')
    })
    await server.clock.pass(60_000)
    expect(tries).toBe(1)
  })

  it.each([
    ['fails', new Error('aborted')],
    ['rejects the message', new Rejected('no')],
  ])('[SD1] and %s then is told nowhere, and commits nothing', async (_, error) => {
    let fail = (_error: Error): void => {}
    const server = await stopped(() => new Promise((_resolve, reject) => (fail = reject)))
    fail(error)
    await server.clock.settle()
    expect(events(server)).toEqual(['drain_timeout'])
    expect([server.core.metrics().totals['rejected'], server.core.metrics().totals['handlerFailures']]).toEqual([undefined, undefined])
  })

  it('[SD1] and fails for the last time then is no rejection', async () => {
    let tries = 0
    let fail = (_error: Error): void => {}
    const server = await stopped(() => {
      if (++tries < 5) throw new Error('no')
      return new Promise((_resolve, reject) => (fail = reject))
    }, 10_000)
    expect(tries).toBe(5)
    fail(new Error('aborted'))
    await server.clock.settle()
    expect(events(server)).not.toContain('message_failed')
    expect(server.core.metrics().totals['rejected']).toBeUndefined()
  })
})
