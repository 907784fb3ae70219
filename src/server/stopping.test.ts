import { describe, expect, it, vi } from 'vitest'
import { fakeServer, freshId, type FakePeer, type FakeServer } from './testing/fake-peer.ts'
import type { Authenticated, LiveServerOptions } from './options.ts'
import { keepProcessUnharmed } from '../testing/process-contract.ts'
import type { Send } from '../protocol/index.ts'

keepProcessUnharmed()

const send = (from: number, count: number): Send => ({
  type: 'send',
  confirmed: 0,
  messages: Array.from({ length: count }, (_, at) => ({ n: from + at, id: freshId(), channel: 'a', data: from + at })),
})

/** A server whose handlers end when they are told to. */
function slowServer(options: LiveServerOptions = {}): ReturnType<typeof fakeServer> & { readonly finish: (() => void)[] } {
  const finish: (() => void)[] = []
  const server = fakeServer({
    ...options,
    onMessage: ({ data }, { publish }) => {
      publish('done', data)
      return new Promise((resolve) => finish.push(() => resolve('ok')))
    },
  })
  return { ...server, finish }
}

const types = (peer: FakePeer): string[] => peer.received.slice(1).map(({ type }) => type)

describe('a server that closes', () => {
  it('[SD1] [P33] finishes what was begun and acknowledges it, and only then says goodbye, to each client by itself', async () => {
    const { core, open, clock, finish } = slowServer()
    const peers = await Promise.all(Array.from({ length: 20 }, () => open()))
    for (const peer of peers) peer.say(send(1, 3))
    const idle = await open()
    await clock.settle()
    expect(finish).toHaveLength(20)
    let hasClosed = false
    void core.close(5_000).then(() => (hasClosed = true))
    await clock.settle()
    // Nobody waits for another's work.
    expect(types(idle)).toEqual(['goodbye'])
    expect(peers.map(({ closedWith }) => closedWith)).toEqual(peers.map(() => undefined))
    for (const end of finish.splice(0, 19)) end()
    await clock.settle()
    expect([hasClosed, peers.filter(({ closedWith }) => closedWith?.code === 1012).length]).toEqual([false, 19])
    finish[0]?.()
    await clock.settle()
    expect(hasClosed).toBe(true)
    for (const peer of peers) {
      expect(types(peer)).toEqual(['ack', 'goodbye'])
      expect(peer.last('ack')).toMatchObject({ hi: 1, outcomes: [{ n: 1, reply: 'ok' }] })
    }
    expect(core.metrics().totals).toMatchObject({ received: 60, applied: 20, 'dropped.closing': 40 })
  })

  it('[SD1] begins nothing new, answers pings, and lets those go who sign out', async () => {
    const { core, open, clock, finish } = slowServer()
    const [busy, leaving] = [await open({ subscriptions: [{ sub: 1, channel: 'done', cursor: null }] }), await open()]
    busy.say(send(1, 1))
    leaving.say(send(1, 1))
    await clock.settle()
    void core.close(5_000)
    busy.say(send(2, 1))
    busy.say({ type: 'volatile', messages: [{ id: freshId(), channel: 'a', data: 1 }] })
    busy.say({ type: 'subscribe', subscriptions: [{ sub: 2, channel: 'b', cursor: null }] })
    busy.say({ type: 'ping' })
    leaving.say({ type: 'sign_out' })
    await clock.settle()
    expect([finish.length, busy.last('pong')]).toEqual([2, { type: 'pong' }])
    for (const end of finish) end()
    await clock.settle()
    // What the handlers published reaches who reads, and who left is told so.
    expect([types(busy).at(-1), busy.last('ack').hi, busy.messagesOf(1).length]).toEqual(['goodbye', 1, 2])
    expect(leaving.closedWith?.name).toBe('signedOut')
    expect(core.metrics().totals).toMatchObject({ received: 2, applied: 2, 'dropped.frames': 3 })
  })

  it('[SD1] waits for who is signing out, whatever the engine takes for it', async () => {
    const { core, open, clock } = fakeServer()
    const peer = await open()
    let go = (): void => {}
    core.engine.forget = () => new Promise<void>((resolve) => (go = resolve))
    peer.say({ type: 'sign_out' })
    void core.close(5_000)
    await clock.pass(1_000)
    expect(peer.closedWith).toBeUndefined()
    go()
    await clock.settle()
    expect(peer.closedWith?.name).toBe('signedOut')
  })

  it('[SD1] waits for what is not numbered, too, and for what is tried again', async () => {
    let tries = 0
    const finish: (() => void)[] = []
    const { core, open, clock } = fakeServer({
      onMessage: ({ durable }, { publish }) => {
        if (durable && ++tries < 3) throw new Error('not yet')
        publish('done', 1)
        if (!durable) return new Promise<void>((resolve) => finish.push(resolve))
      },
    })
    const peer = await open()
    peer.say(send(1, 1))
    peer.say({ type: 'volatile', messages: [{ id: freshId(), channel: 'a', data: 1 }] })
    await clock.settle()
    const publish = vi.spyOn(core.engine, 'publish')
    let hasClosed = false
    void core.close(5_000).then(() => (hasClosed = true))
    await clock.pass(1_000)
    expect([peer.last('ack').hi, publish.mock.calls.length, hasClosed]).toEqual([1, 0, false])
    finish[0]?.()
    await clock.settle()
    expect([publish.mock.calls.length, hasClosed]).toEqual([1, true])
  })

  it('[SD1] says goodbye to all when the time is over, and commits nothing afterwards', async () => {
    const { core, open, clock, finish, logs } = slowServer()
    const peer = await open()
    peer.say(send(1, 1))
    await clock.settle()
    const closing = core.close(2_000)
    await clock.pass(2_000)
    await closing
    expect(types(peer)).toEqual(['goodbye'])
    expect(logs).toContainEqual({ level: 'info', event: 'drain_timeout', connections: 1 })
    finish[0]?.()
    await clock.settle()
    expect(core.metrics().totals['applied']).toBeUndefined()
  })

  it('[SD2] says in its readiness that it goes before anything else, and that it is not there yet', async () => {
    let begin = (): void => {}
    const { memoryEngine } = await import('./engines/memory.ts')
    const inner = memoryEngine()
    const engine = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        if (key !== 'start') return value.bind(target) as unknown
        return (...given: Parameters<typeof inner.start>) => {
          void target.start(...given)
          return new Promise<void>((resolve) => (begin = resolve))
        }
      },
    })
    const { core, open, clock, finish } = slowServer({ engine })
    expect(core.readiness).toBe('starting')
    begin()
    await clock.settle()
    expect(core.readiness).toBe('ready')
    const peer = await open()
    peer.say(send(1, 1))
    await clock.settle()
    const closing = core.close(5_000)
    expect([core.readiness, peer.closedWith]).toEqual(['closing', undefined])
    expect(core.gate.enter({ headers: {}, origin: undefined, remoteAddress: undefined })).toMatchObject({ isAllowed: false, status: 503 })
    finish[0]?.()
    await closing
    expect(core.readiness).toBe('closed')
    expect(core.gate.enter({ headers: {}, origin: undefined, remoteAddress: undefined })).toMatchObject({ isAllowed: false, status: 503 })
  })

  it('[SD3] takes what a handler publishes by the server itself until it has finished', async () => {
    const server: FakeServer = fakeServer({
      onMessage: async () => {
        await new Promise<void>((resolve) => void server.clock.setTimer(1_000, resolve))
        return server.core.publish('a', 'from a handler')
      },
    })
    const { core, open, clock } = server
    const peer = await open()
    peer.say(send(1, 1))
    await clock.settle()
    const closing = core.close(5_000)
    await clock.pass(1_000)
    await closing
    expect(peer.last('ack').outcomes).toMatchObject([{ n: 1, reply: { offset: 1 } }])
  })
})

describe('a publication that nobody awaits', () => {
  it('[SD3] ends no process, whatever is wrong with it, and is told in the log', async () => {
    const { core, clock, logs } = fakeServer({
      history: (channel) => {
        if (channel === 'none') throw new Error('no such kind')
        return {}
      },
    })
    void core.publish('a', 'x'.repeat(300_000))
    void core.publish('a', 1n)
    void core.publish('room/Zürich', 1)
    void core.publish('none', 1)
    void core.sendToUser('', 1)
    await clock.settle()
    const failed = logs.filter((line) => (line as { event: string }).event === 'publish_failed')
    expect(failed.map((line) => (line as { error: string }).error).toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => 'HoldfastError invalid-data'),
      'HoldfastError invalid-option',
      'HoldfastError message-too-large',
    ])
    const closing = core.close(0)
    void core.publish('a', 1)
    await clock.pass(0)
    await closing
    void core.publish('a', 1)
    await clock.settle()
    expect(logs.at(-1)).toEqual({ level: 'info', event: 'publish_after_close' })
    await expect(core.publish('a', 1)).rejects.toMatchObject({ code: 'closed' })
  })
})

describe("the app's own code", () => {
  it('[EF5] may fail in its log, at once or later, without anything changing', async () => {
    for (const log of [
      () => {
        throw new Error('log')
      },
      () => Promise.reject(new Error('log')) as unknown as void,
    ]) {
      const { core, open, clock } = fakeServer({
        log,
        snapshot: () => 1n,
        history: (channel) => {
          if (channel === 'none') throw new Error('no such kind')
          return {}
        },
        onMessage: ({ data }) => {
          if (data === 2) throw new Error('handler')
          return 1n
        },
      })
      const peer = await open({ subscriptions: ['a', 'none'].map((channel, at) => ({ sub: at + 1, channel, cursor: null })) })
      peer.say(send(1, 3))
      void core.publish('none', 1)
      await clock.pass(10_000)
      expect(peer.closedWith).toBeUndefined()
      expect(peer.last('ack').hi).toBe(3)
      expect(new Set(peer.all('refused').map(({ reason }) => reason))).toEqual(new Set(['limit', 'invalid']))
      expect(core.metrics().totals['logFailures']).toBeGreaterThan(5)
      await core.close(0)
    }
  })

  it('[EF5] may give a promise where it must answer at once: that is no answer, and ends no process', async () => {
    const broken = Promise.reject.bind(Promise, new Error('async')) as () => never
    const { core, open, clock, logs } = fakeServer({ history: broken, addressOf: broken })
    const peer = await open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    await clock.settle()
    expect(peer.last('refused').reason).toBe('limit')
    expect(core.gate.enter({ headers: {}, origin: undefined, remoteAddress: undefined })).toMatchObject({ isAllowed: false, status: 503 })
    expect(logs.map((line) => (line as { event: string }).event)).toEqual(expect.arrayContaining(['history_failed', 'address_failed']))
  })
})

describe('a hook that takes its time', () => {
  it('[P51] [HK1] reports every pingMs where that is sooner', async () => {
    const { peer: connect, clock } = fakeServer({ heartbeat: { pingMs: 1_000 }, authenticate: () => new Promise<null>(() => {}) })
    const peer = connect()
    peer.hello({ user: 'u', credential: 'c' })
    await clock.pass(2_900)
    expect(peer.frames.length).toBeGreaterThanOrEqual(2)
  })

  it('[HK1] [P51] does not report for ever: a hello that no answer comes to ends', async () => {
    const server = fakeServer()
    server.core.engine.admit = () => new Promise<null>(() => {})
    const peer = await server.open()
    await server.clock.pass(69_000)
    expect(peer.closedWith).toBeUndefined()
    await server.clock.pass(3_000)
    expect(peer.closedWith?.code).toBe(1011)
  })

  it('[HK2] [P32] a credential that was judged ends when it ends, and not when a hook would have to', async () => {
    const server: FakeServer = fakeServer({ authenticate: () => ({ user: 'u', expiresAtMs: server.clock.wallMs() + 20_000 }) })
    const peer = await server.open({ user: 'u', credential: 'first' })
    await server.clock.pass(15_000)
    peer.say({ type: 'authenticate', credential: 'second' })
    await server.clock.pass(18_000)
    expect(peer.closedWith).toBeUndefined()
    await server.clock.pass(4_000)
    expect(peer.closedWith?.name).toBe('unauthenticated')
  })

  it('[HK1] [P51] reports every 3 s to a client that waits for its answer, however seldom it is pinged', async () => {
    let admit: ((verdict: Authenticated | PromiseLike<null>) => void) | undefined
    const { peer: connect, clock } = fakeServer({
      heartbeat: { pingMs: 3_600_000, hiddenPingMs: 3_600_000 },
      authorize: () => true,
      authenticate: () => new Promise<Authenticated | null>((resolve) => (admit = resolve)),
    })
    const peer = connect()
    peer.hello({ user: 'u', credential: 'c' })
    await clock.pass(12_500)
    expect(peer.frames).toEqual(Array.from({ length: 4 }, () => '=1'))
    admit?.({ user: 'u' })
    await clock.pass(10_000)
    expect(peer.all('session_init')).toHaveLength(1)
    expect(peer.frames.filter((frame) => frame === '=1')).toHaveLength(4)
  })

  it('[HK2] [P32] a credential that was given in time is judged before the old one counts as ended', async () => {
    const answers: ((verdict: Authenticated | PromiseLike<null>) => void)[] = []
    const server: FakeServer = fakeServer({
      authorize: () => true,
      authenticate: ({ credential }) =>
        credential === 'first'
          ? { user: 'u', expiresAtMs: server.clock.wallMs() + 20_000 }
          : new Promise<Authenticated | null>((resolve) => answers.push(resolve)),
    })
    const { open, clock } = server
    const [peer, late] = [await open({ user: 'u', credential: 'first' }), await open({ user: 'u', credential: 'first' })]
    await clock.pass(15_000)
    expect(peer.all('authenticate')).toHaveLength(1)
    peer.say({ type: 'authenticate', credential: 'second' })
    late.say({ type: 'authenticate', credential: 'third' })
    await clock.pass(12_000)
    expect(peer.closedWith).toBeUndefined()
    answers[0]?.({ user: 'u', expiresAtMs: clock.wallMs() + 600_000 })
    await clock.pass(30_000)
    expect([peer.closedWith, late.closedWith?.name]).toEqual([undefined, 'unauthenticated'])
  })
})
