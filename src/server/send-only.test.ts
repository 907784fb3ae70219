import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import type { LiveServerOptions } from './options.ts'
import { makeOutboxToken } from './outbox-token.ts'
import { Rejected } from './rejected.ts'
import { fakeServer, freshId, type FakePeer, type FakeServer } from './testing/fake-peer.ts'
import { numberedMessages } from './testing/numbered-messages.ts'
import type { Hello, NumberedMessage } from '../protocol/index.ts'

const users = { authenticate: ({ credential }: { credential: string | null }) => (credential === null ? null : { user: credential }) }
const never = (): Promise<never> => new Promise(() => {})

interface Scene extends FakeServer {
  /** The last connection of the client with a session; it is gone. */
  readonly hub: FakePeer
  readonly token: string
  readonly applied: unknown[]
  /** A connection of the same client that only sends; what is not said is right. */
  worker(fields?: Partial<Hello>): Promise<FakePeer>
}

async function start(options: LiveServerOptions = {}): Promise<Scene> {
  const applied: unknown[] = []
  const server = fakeServer({ ...users, onMessage: ({ data }) => void applied.push(data), ...options })
  const hub = await server.open({ user: 'ada', credential: 'ada' })
  hub.drop()
  const { outboxToken = '' } = hub.answer()
  return {
    ...server,
    hub,
    token: outboxToken,
    applied,
    worker: (fields) => server.open({ client: hub.client, user: 'ada', outboxToken, ...fields }),
  }
}

async function send({ clock }: Pick<FakeServer, 'clock'>, peer: FakePeer, messages: readonly NumberedMessage[]): Promise<void> {
  peer.say({ type: 'send', confirmed: 0, messages })
  await clock.settle()
}

describe('a connection that only sends', () => {
  it('[P36] [P38] [P39] [I8] is told what the server knows, sends in order, and hears what becomes of its numbers', async () => {
    const applied: unknown[] = []
    const scene = await start({ onMessage: ({ data, n }) => (applied.push(data), n === 2 ? { ok: true } : undefined) })
    const worker = await scene.worker()
    expect(worker.received).toEqual([
      {
        type: 'send_only',
        protocol: 1,
        user: 'ada',
        ledger: scene.core.engine.ledger,
        client: null,
        reach: { made: 0, forgotten: 0 },
        limits: scene.core.settings.announced,
        heartbeat: scene.core.settings.heartbeat,
        features: ['parts'],
      },
    ])
    const messages = numberedMessages(1, 2)
    const skipped = freshId()
    await send(scene, worker, messages)
    worker.say({ type: 'skip', numbers: [{ n: 3, id: skipped }] })
    worker.say({ type: 'ping' })
    await scene.clock.settle()
    expect(applied).toEqual([1, 2])
    expect(worker.all('ack')).toMatchObject([
      { hi: 2, stable: 2, id: messages[1]?.id, outcomes: [{ n: 2, reply: { ok: true } }] },
      { hi: 3, stable: 3, id: skipped, outcomes: [{ n: 3, skipped: true }] },
    ])
    expect(worker.last('pong')).toEqual({ type: 'pong' })
    worker.drop()
    await scene.clock.settle()
    expect(scene.core.metrics()).toMatchObject({ sendOnly: 0, queued: 0, lanes: 0, sockets: 0, waiting: 0 })
  })

  it('[P38] asks no hook of the app who it is, makes no session, and is given no token', async () => {
    let asked = 0
    const scene = await start({ authenticate: ({ credential }) => (asked++, credential === null ? null : { user: credential }) })
    const { sessions } = scene.core.metrics()
    const worker = await scene.worker()
    await send(scene, worker, numberedMessages(1, 1))
    expect(asked).toBe(1)
    expect(scene.core.metrics()).toMatchObject({ sessions, sendOnly: 1, waiting: 0 })
    expect(JSON.stringify(worker.frames)).not.toMatch(/oken|session|connection/)
    expect(scene.core.metrics().totals).toMatchObject({ 'admitted.sendOnly': 1 })
  })

  it('(X2) [P38] [P39] [I7] [I13] works beside a hub of the same client, which goes on, whichever of them comes first', async () => {
    const scene = await start()
    const messages = numberedMessages(1, 6)
    const hub = await scene.open({ user: 'ada', credential: 'ada', client: scene.hub.client })
    const { session } = hub.last('session_init')
    const worker = await scene.worker()
    await send(scene, worker, messages.slice(0, 4))
    hub.say({ type: 'send', confirmed: 0, messages: messages.slice(2) })
    await send(scene, worker, messages)
    expect(scene.applied).toEqual([1, 2, 3, 4, 5, 6])
    for (const peer of [hub, worker]) {
      expect(peer.last('ack')).toMatchObject({ hi: 6, stable: 6, id: messages[5]?.id })
      expect(peer.closedWith).toBeUndefined()
    }
    hub.drop()
    const again = await scene.open({ user: 'ada', credential: 'ada', client: scene.hub.client, session })
    expect(again.last('session_restored').connection).toBe(2)
  })

  it('(X4) [P39] [P11] [I7] that sends again what was lost on the way back is told the same, and nothing is applied twice', async () => {
    const applied: unknown[] = []
    const scene = await start({ onMessage: ({ data }) => (applied.push(data), { call: applied.length }) })
    const messages = numberedMessages(1, 3)
    const first = await scene.worker()
    await send(scene, first, messages)
    first.drop()
    const second = await scene.worker()
    expect(second.last('send_only').client).toEqual({ hi: 3, id: messages[2]?.id })
    await send(scene, second, messages)
    expect(second.all('ack').flatMap(({ outcomes }) => outcomes)).toEqual(expect.arrayContaining([...first.last('ack').outcomes]))
    expect(applied).toEqual([1, 2, 3])
  })

  it('[P39] [P14] asks for permission to send with every message, and rejects what is too large or what the app rejects', async () => {
    const asked: unknown[] = []
    const scene = await start({
      limits: { messageBytes: 100 },
      authorize: ({ user, channel, action }) => (asked.push([user, channel, action]), channel !== 'secret'),
      onMessage: ({ data }) => {
        if (data === 'bad') throw new Rejected('no')
      },
    })
    const changes = [{}, { channel: 'secret' }, { data: 'x'.repeat(200) }, { data: 'bad' }]
    const worker = await scene.worker()
    await send(
      scene,
      worker,
      numberedMessages(1, 4).map((message, at) => ({ ...message, ...changes[at] })),
    )
    expect(worker.all('ack').flatMap(({ outcomes }) => outcomes)).toMatchObject([
      { n: 2, rejected: 'forbidden' },
      { n: 3, rejected: 'too-large' },
      { n: 4, rejected: 'rejected', message: 'no' },
    ])
    expect(asked).toEqual(['agents', 'secret', 'agents'].map((channel) => ['ada', channel, 'send']))
  })

  it('[P39] [P11] [P13] is told of a gap, of a client nobody knows and of another id, as every connection is', async () => {
    const scene = await start()
    const stranger = await scene.worker()
    await send(scene, stranger, numberedMessages(2, 3))
    expect(stranger.received.at(-1)).toEqual({ type: 'unknown_client' })
    stranger.drop()
    const worker = await scene.worker()
    await send(scene, worker, numberedMessages(1, 2))
    await send(scene, worker, numberedMessages(4, 9))
    expect(worker.last('expected')).toEqual({ type: 'expected', n: 3 })
    await send(scene, worker, numberedMessages(2, 5))
    expect(worker.last('conflict')).toEqual({ type: 'conflict', n: 2 })
    await send(scene, worker, numberedMessages(3, 3))
    expect(scene.applied).toEqual([1, 2])
  })

  it('(X1) [P39] says nothing but numbers: whatever else it says ends it with 4400, and changes nothing', async () => {
    const scene = await start({ onMessage: () => {} })
    const { session } = scene.hub.last('session_init')
    const others = [
      { type: 'subscribe', subscriptions: [{ sub: 1, channel: 'agents', cursor: null }] },
      { type: 'unsubscribe', subs: [1] },
      { type: 'snapshot_request', sub: 1, from: 0 },
      { type: 'volatile', messages: [{ id: freshId(), channel: 'agents', data: 1 }] },
      { type: 'recall', client: scene.hub.client, ids: [freshId()] },
      { type: 'authenticate', credential: 'ada' },
      { type: 'sign_out' },
      {
        type: 'hello',
        protocol: 1,
        client: scene.hub.client,
        sender: scene.hub.sender,
        confirmed: 0,
        user: 'ada',
        session,
        credential: 'ada',
        subscriptions: [],
      },
    ] as const
    for (const message of others) {
      const worker = await scene.worker()
      worker.say(message)
      await scene.clock.settle()
      expect([message.type, worker.closedWith?.code, worker.received.length]).toEqual([message.type, 4400, 1])
    }
    expect(scene.core.metrics()).toMatchObject({ sendOnly: 0, sessions: 1, channelsRead: 0 })
    expect(scene.core.engine.revocations).toBe(0)
  })

  it('[P8] is a use of the client: its record lives on', async () => {
    const scene = await start({ sessions: { clientTtlMs: 40_000, ttlMs: 40_000, sweepMs: 1_000 } })
    const messages = numberedMessages(1, 1)
    for (const passMs of [20_000, 15_000]) {
      const worker = await scene.worker()
      await send(scene, worker, messages)
      worker.drop()
      await scene.clock.pass(passMs)
    }
    expect(scene.core.metrics().clients).toBe(1)
    await scene.clock.pass(30_000)
    expect(scene.core.metrics().clients).toBe(0)
  })

  it('[P41] an engine that fails ends it with 1011, and nothing is taken for acknowledged', async () => {
    const inner = memoryEngine()
    let failing = ''
    const engine = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        if (key === failing) return () => Promise.reject(new Error('away'))
        return value.bind(target) as unknown
      },
    })
    const scene = await start({ engine })
    for (failing of ['revokedAt', 'loadClient', 'commit']) {
      const worker = await scene.worker()
      if (worker.closedWith === undefined) await send(scene, worker, numberedMessages(1, 1))
      expect([failing, worker.closedWith?.code, worker.all('ack')]).toEqual([failing, 1011, []])
    }
    failing = ''
    await send(scene, await scene.worker(), numberedMessages(1, 1))
    expect(scene.applied).toHaveLength(2)
    expect(scene.core.metrics()).toMatchObject({ sendOnly: 1, queued: 0 })
  })

  it('[P33] is told when to come back by a server that closes', async () => {
    const scene = await start()
    const worker = await scene.worker()
    await scene.core.close(0)
    expect(worker.last('goodbye')).toBeDefined()
    expect(worker.closedWith?.code).toBe(1012)
    expect(scene.core.metrics().sendOnly).toBe(0)
  })
})

describe('an outbox token', () => {
  it('[P37] is given with every answer that gives a session, and not where the server wants none', async () => {
    const scene = await start()
    const { session } = scene.hub.last('session_init')
    const again = await scene.open({ user: 'ada', credential: 'ada', client: scene.hub.client, session })
    expect(again.last('session_restored').outboxToken).toMatch(/^[\w-]+\.[\w-]{43}$/)
    expect(scene.token).toMatch(/^[\w-]+\.[\w-]{43}$/)
    const without = fakeServer({ sendOnly: false })
    expect((await without.open()).answer()).not.toHaveProperty('outboxToken')
    const client = freshId()
    const outboxToken = makeOutboxToken(without.core.engine.secret, {
      client,
      user: null,
      endsAtMs: without.clock.wallMs() + 1_000,
      revocations: 0,
    })
    expect((await without.open({ client, outboxToken })).closedWith?.code).toBe(4401)
  })

  it('(X1) (SEC19) [P37] [I26] [I27] lets in its own client for its own user, and nobody else', async () => {
    const scene = await start()
    expect((await scene.worker({ client: freshId() })).closedWith?.code).toBe(4401)
    expect((await scene.worker({ user: 'eve' })).closedWith?.code).toBe(4411)
    expect((await scene.worker({ user: null })).closedWith?.code).toBe(4411)
    expect((await scene.worker({ protocol: 2 })).closedWith?.code).toBe(4440)
    expect(scene.core.metrics()).toMatchObject({ sendOnly: 0, totals: { 'refused.sendOnly.token': 3 } })
  })

  it('(X1) [P37] [P9] under the client id of another user finds nothing, whatever that user sent', async () => {
    const scene = await start()
    await send(scene, await scene.worker(), numberedMessages(1, 2))
    const eve = await scene.open({ user: 'eve', credential: 'eve', client: scene.hub.client })
    const { outboxToken = '' } = eve.answer()
    // Beside the one of ada, which it does not keep out either.
    for (const n of [1, 3]) {
      const worker = await scene.open({ client: scene.hub.client, user: 'eve', outboxToken })
      expect(worker.last('send_only').client).toBeNull()
      await send(scene, worker, numberedMessages(n, n))
      expect(worker.received.at(-1)).toEqual({ type: 'unknown_client' })
      worker.drop()
    }
    expect(scene.applied).toEqual([1, 2])
  })

  it('(X1) (SEC19) [P37] that was changed, or made with another secret, is none', async () => {
    const scene = await start()
    const { client } = scene.hub
    const grant = { client, user: 'ada', endsAtMs: scene.clock.wallMs() + 1_000, revocations: 0 }
    const [said = '', signed = ''] = scene.token.split('.')
    const forged = Buffer.from(JSON.stringify([client, 'eve', scene.clock.wallMs(), 0])).toString('base64url')
    for (const outboxToken of [
      '.',
      'x',
      said,
      `${said}.`,
      `.${signed}`,
      `${forged}.${signed}`,
      `${said}.${signed.slice(0, -2)}`,
      `${said}.${'A'.repeat(43)}`,
      makeOutboxToken('another secret', grant),
    ]) {
      const worker = await scene.worker({ outboxToken })
      expect([worker.closedWith?.code, worker.received]).toEqual([4401, []])
    }
    expect((await scene.worker({ outboxToken: makeOutboxToken(scene.core.engine.secret, grant) })).closedWith).toBeUndefined()
  })

  it('(X1) [P37] [I35] ends as long after it was made as a client is remembered; a clock that went back makes none old', async () => {
    const scene = await start({ sessions: { clientTtlMs: 60_000 } })
    await scene.clock.pass(59_000)
    const worker = await scene.worker()
    expect(worker.closedWith).toBeUndefined()
    worker.drop()
    await scene.clock.pass(1_000)
    expect((await scene.worker()).closedWith?.code).toBe(4401)
    const later = { client: freshId(), user: null, endsAtMs: scene.clock.wallMs() + 86_400_000, revocations: 0 }
    const outboxToken = makeOutboxToken(scene.core.engine.secret, later)
    expect((await scene.open({ client: later.client, outboxToken })).closedWith).toBeUndefined()
  })

  it('(X1) (SEC19) [P42] [I35] ends when it is revoked, whatever the clock says, and the next hello gives a good one', async () => {
    const scene = await start()
    // Not a moment passes: what was made in the same millisecond before and after are told apart.
    await scene.core.engine.end({ type: 'revoke', client: scene.hub.client })
    expect((await scene.worker()).closedWith?.code).toBe(4401)
    const next = await scene.open({ user: 'ada', credential: 'ada', client: scene.hub.client })
    expect((await scene.worker()).closedWith?.code).toBe(4401)
    const { outboxToken = '' } = next.answer()
    await send(scene, await scene.worker({ outboxToken }), numberedMessages(1, 1))
    expect(scene.applied).toEqual([1])
  })

  it('(X2) [P42] [I7] that is revoked while it is used ends its connection at once: what was not begun is not applied', async () => {
    let finish = (): void => {}
    const begun: unknown[] = []
    const scene = await start({ onMessage: ({ data }) => new Promise<void>((resolve) => (begun.push(data), (finish = resolve))) })
    const worker = await scene.worker()
    await send(scene, worker, numberedMessages(1, 3))
    await scene.core.engine.end({ type: 'revoke', client: scene.hub.client })
    expect(worker.closedWith?.code).toBe(4401)
    finish()
    await scene.clock.settle()
    expect(begun).toEqual([1])
    expect(scene.core.metrics()).toMatchObject({ queued: 0, sendOnly: 0 })
  })

  it('(X2) [P42] [I7] asking about an earlier client id ends its tokens: what the answer did not list is not applied afterwards', async () => {
    const scene = await start()
    const messages = numberedMessages(1, 3)
    const worker = await scene.worker()
    await send(scene, worker, messages.slice(0, 2))
    const next = await scene.open({ user: 'ada', credential: 'ada' })
    next.say({ type: 'recall', client: scene.hub.client, ids: messages.map(({ id }) => id) })
    await scene.clock.settle()
    expect(next.last('recalled').fates).toHaveLength(2)
    expect(worker.closedWith?.code).toBe(4401)
    await send(scene, worker, messages)
    expect((await scene.worker()).closedWith?.code).toBe(4401)
    expect(scene.applied).toEqual([1, 2])
  })

  it('(X2) [P42] [I7] asking about an earlier client id ends its connection where nothing was applied yet and there is no record', async () => {
    const scene = await start()
    const messages = numberedMessages(1, 1)
    const worker = await scene.worker()
    const next = await scene.open({ user: 'ada', credential: 'ada' })
    next.say({ type: 'recall', client: scene.hub.client, ids: messages.map(({ id }) => id) })
    await scene.clock.settle()
    expect(next.last('recalled').fates).toEqual([])
    await send(scene, worker, messages)
    expect([worker.closedWith?.code, scene.applied]).toEqual([4401, []])
  })

  it('(X2) [P42] [SO1] a sign-out of the client ends it with what it has not begun', async () => {
    const scene = await start({ onMessage: never })
    const hub = await scene.open({ user: 'ada', credential: 'ada', client: scene.hub.client })
    const worker = await scene.worker()
    await send(scene, worker, numberedMessages(1, 3))
    hub.say({ type: 'sign_out' })
    await scene.clock.settle()
    expect(worker.closedWith?.code).toBe(4401)
    expect(scene.core.metrics().sendOnly).toBe(0)
  })

  it('(X2) [P42] that is revoked while its connection is being opened ends it', async () => {
    const inner = memoryEngine()
    const answers: (() => void)[] = []
    const engine = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        if (key !== 'revokedAt') return value.bind(target) as unknown
        return async (client: string, user: string) => {
          const at = inner.revokedAt(client, user)
          await new Promise<void>((resolve) => answers.push(resolve))
          return at
        }
      },
    })
    const scene = await start({ engine })
    const worker = await scene.worker()
    await engine.end({ type: 'revoke', client: scene.hub.client })
    for (const answer of answers) answer()
    await scene.clock.settle()
    expect([worker.closedWith?.code, worker.received]).toEqual([4401, []])
    expect(scene.core.metrics().sendOnly).toBe(0)
  })

  it('[P42] who is another user, or asks about the client id of the connection, revokes nothing', async () => {
    const scene = await start()
    const first = await scene.worker()
    await send(scene, first, numberedMessages(1, 1))
    first.drop()
    const eve = await scene.open({ user: 'eve', credential: 'eve' })
    eve.say({ type: 'recall', client: scene.hub.client, ids: [freshId()] })
    const own = await scene.open({ user: 'ada', credential: 'ada', client: scene.hub.client })
    own.say({ type: 'recall', client: scene.hub.client, ids: [freshId()] })
    await scene.clock.settle()
    expect(scene.core.engine.revocations).toBe(0)
  })
})

describe('what connections that only send may cost', () => {
  const strangers = ({ core, clock, open }: Scene) => {
    const client = freshId()
    const grant = { client, user: null, endsAtMs: clock.wallMs() + 86_400_000, revocations: 0 }
    return open({ client, outboxToken: makeOutboxToken(core.engine.secret, grant) })
  }

  it('(X2) (X4) (SEC19) [P40] [I30] one of a client at a time, and so many of all: no client can know of the others, and is told to come again', async () => {
    const scene = await start({ limits: { sendOnly: 2 } })
    const first = await scene.worker()
    expect((await scene.worker()).closedWith?.code).toBe(1013)
    const other = await strangers(scene)
    expect(other.closedWith).toBeUndefined()
    expect((await strangers(scene)).closedWith?.code).toBe(1013)
    expect(scene.core.metrics()).toMatchObject({ sendOnly: 2, waiting: 0, totals: { 'refused.sendOnly.busy': 2 } })
    first.drop()
    expect((await strangers(scene)).closedWith).toBeUndefined()
  })

  it('(SEC19) [P40] [I30] so many of a client per minute, twenty at least, and those of others do not count', async () => {
    const scene = await start({ limits: { sendOnlyPerMinute: 20 } })
    const codes: unknown[] = []
    for (let at = 0; at < 21; at++) {
      const worker = await scene.worker()
      codes.push(worker.closedWith?.code)
      worker.drop()
    }
    expect(codes).toEqual([...Array.from({ length: 20 }, () => undefined), 4429])
    expect(() => fakeServer({ limits: { sendOnlyPerMinute: 19 } })).toThrow('limits.sendOnlyPerMinute')
    expect((await strangers(scene)).closedWith).toBeUndefined()
    await scene.clock.pass(30_000)
    expect((await scene.worker()).closedWith).toBeUndefined()
  })

  it('[P40] [I30] a place for as long as numbers are on their way, and 30 s longer', async () => {
    let finish = (): void => {}
    const scene = await start({
      onMessage: () => new Promise<void>((resolve) => (finish = resolve)),
      heartbeat: { pingMs: 1_000, hiddenPingMs: 20_000, timeoutMs: 1_000 },
    })
    const worker = await scene.worker()
    await send(scene, worker, numberedMessages(1, 1))
    const passes = async (seconds: number): Promise<void> => {
      for (let left = seconds; left > 0; left--) {
        worker.say({ type: 'ping' })
        await scene.clock.pass(1_000)
      }
    }
    await passes(29)
    finish()
    await passes(29)
    expect(worker.closedWith).toBeUndefined()
    await passes(2)
    expect(worker.closedWith?.code).toBe(1001)
    expect(scene.core.metrics().sendOnly).toBe(0)
  })

  it('[P40] [P16] [I30] windows, rates and replies are bounded as on every connection', async () => {
    const scene = await start({ limits: { sendWindow: 10 }, onMessage: never })
    const eager = await scene.worker()
    await send(scene, eager, numberedMessages(1, 21))
    expect(eager.closedWith?.code).toBe(4429)
    const large = await start({ limits: { replyBytes: 50_000 }, onMessage: async () => Promise.resolve('r'.repeat(10_000)) })
    const worker = await large.worker()
    await send(large, worker, numberedMessages(1, 100))
    expect([worker.closedWith, worker.last('ack').hi]).toEqual([undefined, 5])
  })
})
