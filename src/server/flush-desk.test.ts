import { describe, expect, it } from 'vitest'
import { memoryEngine } from './engines/memory.ts'
import type { FlushDesk } from './flush-desk.ts'
import { makeOutboxToken } from './outbox-token.ts'
import { Rejected } from './rejected.ts'
import { fakeServer, freshId, type FakePeer, type FakeServer } from './testing/fake-peer.ts'
import { entriesOf, flushOf } from './testing/outbox-post.ts'
import type { LiveServerOptions } from './options.ts'
import { decodeFlushAnswer, type Flush, type FlushAnswer, type NumberedMessage } from '../protocol/index.ts'

const users = { authenticate: ({ credential }: { credential: string | null }) => (credential === null ? null : { user: credential }) }
const never = (): Promise<never> => new Promise(() => {})

/** A client without a socket: it has the token that an earlier one was given. */
interface Worker {
  readonly peer: FakePeer
  readonly token: string
  /** Sends a flush of this client; what is not said is right. */
  flush(fields?: Partial<Flush>): Promise<FlushAnswer | 'unauthenticated' | 'busy' | 'rate'>
}

async function post(desk: FlushDesk, token: string, text: string): ReturnType<Worker['flush']> {
  const ticket = await desk.enter(token)
  if (typeof ticket === 'string') return ticket
  const answer = await desk.apply(ticket, text)
  desk.leave(ticket)
  if (typeof answer !== 'string') return { type: 'flush_refused', ...answer }
  const decoded = decodeFlushAnswer(answer)
  if (!decoded.ok) throw new Error(`the server made a bad answer: ${decoded.error}: ${answer}`)
  return decoded.message
}

function workerOf({ core }: Pick<FakeServer, 'core'>, peer: FakePeer): Worker {
  const { outboxToken: token = '', user, ledger } = peer.answer()
  return {
    peer,
    token,
    flush: (fields) => post(core.flushes, token, JSON.stringify(flushOf({ client: peer.client, ledger, user, ...fields }))),
  }
}

async function start(options: LiveServerOptions = {}): Promise<Omit<FakeServer, 'peer'> & Worker & { readonly applied: unknown[] }> {
  const applied: unknown[] = []
  const server = fakeServer({ ...users, onMessage: ({ data }) => void applied.push(data), ...options })
  const peer = await server.open({ user: 'ada', credential: 'ada' })
  peer.drop()
  return { ...server, ...workerOf(server, peer), applied }
}

const ids = (count: number): string[] => Array.from({ length: count + 1 }, () => freshId())
const refused = (reason: string, n?: number): object => ({ type: 'flush_refused', reason, ...(n === undefined ? {} : { n }) })

describe('a flush', () => {
  it('[P39] [P41] [I8] is applied in order, and answered with what a connection is told', async () => {
    const { flush, applied, core, peer } = await start({
      onMessage: ({ data, n }) => (applied.push(data), n === 2 ? { ok: true } : undefined),
    })
    const known = ids(3)
    const answer = await flush({ entries: [...entriesOf(1, 2, known), { n: 3, id: known[3] ?? '', skip: true }] })
    expect(applied).toEqual([1, 2])
    expect(answer).toEqual({
      type: 'flushed',
      protocol: 1,
      user: 'ada',
      ledger: core.engine.ledger,
      client: { hi: 3, id: known[3] },
      hi: 3,
      stable: 3,
      id: known[3],
      outcomes: [
        { n: 2, reply: { ok: true } },
        { n: 3, skipped: true },
      ],
    })
    expect(core.metrics()).toMatchObject({ flushes: 0, queued: 0, lanes: 0, sockets: 0 })
    expect(peer.closedWith).toBeUndefined()
  })

  it('(X4) [P39] [P11] [I7] sent again is acknowledged again and not applied, with the outcomes it was told', async () => {
    const { flush, applied } = await start({ onMessage: ({ data }) => (applied.push(data), { call: applied.length }) })
    const entries = entriesOf(1, 3)
    const first = await flush({ entries })
    expect(await flush({ entries })).toEqual(first)
    expect(applied).toEqual([1, 2, 3])
    expect(await flush({ entries, confirmed: 2 })).toMatchObject({ hi: 3, outcomes: [{ n: 3, reply: { call: 3 } }] })
  })

  it('(X4) [P39] [I7] shares numbers and outcomes with the socket, whichever of them comes first', async () => {
    const server = await start()
    const entries = entriesOf(1, 6) as NumberedMessage[]
    await server.flush({ entries: entries.slice(0, 4) })
    const peer = await server.open({ user: 'ada', credential: 'ada', client: server.peer.client })
    expect(peer.answer().client).toEqual({ hi: 4, id: entries[3]?.id })
    peer.say({ type: 'send', confirmed: 0, messages: entries.slice(2) })
    const [answer] = await Promise.all([server.flush({ entries }), server.clock.settle()])
    expect(answer).toMatchObject({ type: 'flushed', hi: 6, stable: 6, id: entries[5]?.id })
    expect(peer.last('ack')).toMatchObject({ hi: 6, stable: 6 })
    expect(server.applied).toEqual([1, 2, 3, 4, 5, 6])
    expect(peer.closedWith).toBeUndefined()
  })

  it('[P39] [P14] asks for permission to send with every message, and rejects what is too large or what the app rejects', async () => {
    const asked: unknown[] = []
    const { flush, core } = await start({
      limits: { messageBytes: 100 },
      authorize: ({ user, channel, action }) => (asked.push([user, channel, action]), channel !== 'secret'),
      onMessage: ({ data }) => {
        if (data === 'bad') throw new Rejected('no')
      },
    })
    const [plain, ...others] = entriesOf(1, 4) as NumberedMessage[]
    if (plain === undefined) return
    const changes = [{ channel: 'secret' }, { data: 'x'.repeat(200) }, { data: 'bad' }]
    const answer = await flush({ entries: [plain, ...others.map((entry, at) => ({ ...entry, ...changes[at] }))] })
    expect(answer).toMatchObject({
      hi: 4,
      outcomes: [
        { n: 2, rejected: 'forbidden' },
        { n: 3, rejected: 'too-large' },
        { n: 4, rejected: 'rejected', message: 'no' },
      ],
    })
    expect(asked).toEqual([
      ['ada', 'agents', 'send'],
      ['ada', 'secret', 'send'],
      ['ada', 'agents', 'send'],
    ])
    expect(core.metrics().totals).toMatchObject({ rejected: 3, applied: 1 })
  })

  it('[P39] [P13] of a client nobody knows begins with 1', async () => {
    const { flush, applied } = await start()
    expect(await flush({ entries: entriesOf(2, 3) })).toEqual(refused('unknown_client'))
    expect(applied).toEqual([])
    expect(await flush({ entries: entriesOf(1, 3) })).toMatchObject({ hi: 3 })
  })

  it('[P39] [P11] that leaves a number out is told which one is next, and applies nothing', async () => {
    const { flush, applied } = await start()
    await flush({ entries: entriesOf(1, 2) })
    expect(await flush({ entries: entriesOf(4, 9) })).toEqual(refused('expected', 3))
    expect(applied).toEqual([1, 2])
  })

  it('[P39] [P11] with another id at a known number is a conflict, and what comes after it is not applied', async () => {
    const { flush, applied } = await start()
    await flush({ entries: entriesOf(1, 2) })
    expect(await flush({ entries: entriesOf(2, 5) })).toEqual(refused('conflict', 2))
    expect(applied).toEqual([1, 2])
  })

  it('[P39] [P9] under the client id of another user finds nothing, whatever that user sent', async () => {
    const server = await start()
    await server.flush({ entries: entriesOf(1, 2) })
    const eve = await server.open({ user: 'eve', credential: 'eve', client: server.peer.client })
    const { outboxToken = '', ledger } = eve.answer()
    for (const n of [1, 3])
      expect(
        await post(
          server.core.flushes,
          outboxToken,
          JSON.stringify(flushOf({ client: server.peer.client, ledger, user: 'eve', entries: entriesOf(n, n) })),
        ),
      ).toEqual(refused('unknown_client'))
    expect(server.applied).toEqual([1, 2])
  })

  it('[P38] [P21] for another ledger is refused: the server has lost what the client knows of', async () => {
    const { flush, applied } = await start()
    expect(await flush({ ledger: freshId() })).toEqual(refused('ledger'))
    expect(applied).toEqual([])
  })

  it('[P38] of another version is told so, readable or not', async () => {
    const { flush, core, token } = await start()
    expect(await flush({ protocol: 2 })).toEqual(refused('version'))
    expect(await post(core.flushes, token, '{"type":"flush","protocol":2}')).toEqual(refused('version'))
    expect(await post(core.flushes, token, '{"type":"flush","protocol":1}')).toEqual(refused('bad-message'))
  })
})

describe('an outbox token', () => {
  it('[P37] is given with every answer to hello, and not where the server takes no flush', async () => {
    const { open, peer, token, flush } = await start()
    const { session } = peer.last('session_init')
    const again = await open({ user: 'ada', credential: 'ada', client: peer.client, session })
    expect(again.last('session_restored').outboxToken).toMatch(/^[\w-]+\.[\w-]{43}$/)
    expect(token).toMatch(/^[\w-]+\.[\w-]{43}$/)
    expect(await flush()).toMatchObject({ hi: 1 })
    const without = await fakeServer({ flush: false }).open()
    expect(without.answer()).not.toHaveProperty('outboxToken')
  })

  it('[P37] [I26] [I27] lets in its own client for its own user, and nobody else', async () => {
    const { flush, applied } = await start()
    expect(await flush({ client: freshId() })).toEqual(refused('unauthenticated'))
    expect(await flush({ user: 'eve' })).toEqual(refused('user'))
    expect(await flush({ user: null })).toEqual(refused('user'))
    expect(applied).toEqual([])
  })

  it('[P37] that was changed, or made with another secret, is none', async () => {
    const { core, token, peer, clock } = await start()
    const grant = { client: peer.client, user: 'ada', issuedAtMs: clock.wallMs() }
    const [said = '', signed = ''] = token.split('.')
    const forged = Buffer.from(JSON.stringify([peer.client, 'eve', clock.wallMs()])).toString('base64url')
    for (const bad of [
      '',
      '.',
      'x',
      said,
      `${said}.`,
      `.${signed}`,
      `${forged}.${signed}`,
      `${said}.${signed.slice(0, -2)}`,
      `${said}.${'A'.repeat(43)}`,
      makeOutboxToken('another secret', grant),
    ])
      expect(await core.flushes.enter(bad)).toBe('unauthenticated')
    expect(core.flushes.size).toBe(0)
    expect(await core.flushes.enter(makeOutboxToken(core.engine.secret, grant))).toMatchObject({ user: 'ada' })
  })

  it('[P37] ends as long after it was made as a client is remembered, and is worth nothing from later on', async () => {
    const { core, clock, peer, token } = await start({ sessions: { clientTtlMs: 60_000 } })
    await clock.pass(59_000)
    const ticket = await core.flushes.enter(token)
    expect(ticket).toMatchObject({ client: peer.client })
    if (typeof ticket !== 'string') core.flushes.leave(ticket)
    await clock.pass(1_000)
    expect(await core.flushes.enter(token)).toBe('unauthenticated')
    const made = (issuedAtMs: number): string => makeOutboxToken(core.engine.secret, { client: freshId(), user: null, issuedAtMs })
    expect(await core.flushes.enter(made(clock.wallMs() + 61_000))).toBe('unauthenticated')
    expect(await core.flushes.enter(made(clock.wallMs() + 59_000))).toMatchObject({ user: null })
  })

  it('[P42] ends when it is revoked, and the next hello gives a good one', async () => {
    const server = await start()
    await server.clock.pass(1)
    await server.core.engine.revoke(server.peer.client)
    expect(await server.flush()).toEqual(refused('unauthenticated'))
    await server.clock.pass(1)
    const next = workerOf(server, await server.open({ user: 'ada', credential: 'ada', client: server.peer.client }))
    expect(await server.flush()).toEqual(refused('unauthenticated'))
    expect(
      await post(
        server.core.flushes,
        next.token,
        JSON.stringify(flushOf({ client: server.peer.client, ledger: server.core.engine.ledger, user: 'ada' })),
      ),
    ).toMatchObject({ hi: 1 })
    expect(server.applied).toEqual([1])
  })

  it('[P42] [I7] asking about an earlier client id ends its tokens: what the answer did not list is not applied afterwards', async () => {
    const server = await start()
    const entries = entriesOf(1, 3)
    await server.flush({ entries: entries.slice(0, 2) })
    await server.clock.pass(1)
    const next = await server.open({ user: 'ada', credential: 'ada' })
    next.say({ type: 'recall', client: server.peer.client, ids: entries.map(({ id }) => id) })
    await server.clock.settle()
    expect(next.last('recalled').fates).toHaveLength(2)
    expect(await server.flush({ entries })).toEqual(refused('unauthenticated'))
    expect(server.applied).toEqual([1, 2])
  })

  it('[P42] who is another user, or asks about the client id of the connection, revokes nothing', async () => {
    const server = await start()
    await server.flush({ entries: entriesOf(1, 1, ['', freshId()]) })
    await server.clock.pass(1)
    const eve = await server.open({ user: 'eve', credential: 'eve' })
    eve.say({ type: 'recall', client: server.peer.client, ids: [freshId()] })
    const own = await server.open({ user: 'ada', credential: 'ada', client: server.peer.client })
    own.say({ type: 'recall', client: server.peer.client, ids: [freshId()] })
    await server.clock.settle()
    expect(server.core.engine.revokedAtMs(server.peer.client)).toBe(0)
  })

  it('[P38] is worth what the app says of it, at every POST', async () => {
    const asked: unknown[] = []
    let answer: unknown = true
    const { flush, peer, applied } = await start({
      authorizeFlush: async (flushing) => {
        asked.push(flushing)
        if (answer === 'throws') throw new Error('the database is away')
        return answer as boolean
      },
    })
    const entries = entriesOf(1, 4)
    expect(await flush({ entries: entries.slice(0, 1) })).toMatchObject({ hi: 1 })
    for (answer of [false, 'yes', undefined, 'throws']) expect(await flush({ entries })).toEqual(refused('forbidden'))
    expect(asked).toEqual(Array.from({ length: 5 }, () => ({ user: 'ada', client: peer.client })))
    expect(applied).toEqual([1])
  })
})

describe('what flushes may cost', () => {
  it('(X4) [P40] [I30] one of a client at a time, and so many of all', async () => {
    const { core, clock, token } = await start({ limits: { flushes: 2 } })
    const other = (): string => makeOutboxToken(core.engine.secret, { client: freshId(), user: null, issuedAtMs: clock.wallMs() })
    const ticket = await core.flushes.enter(token)
    expect(await core.flushes.enter(token)).toBe('busy')
    expect(await core.flushes.enter(other())).toMatchObject({ user: null })
    expect(await core.flushes.enter(other())).toBe('busy')
    expect(core.metrics().flushes).toBe(2)
    if (typeof ticket !== 'string') core.flushes.leave(ticket)
    expect(await core.flushes.enter(other())).toMatchObject({ user: null })
  })

  it('[P40] [I30] so many of a client per minute, and those of others do not count', async () => {
    const { core, clock, flush } = await start({ limits: { flushesPerMinute: 2 } })
    expect([await flush(), await flush(), await flush()].map((answer) => (typeof answer === 'string' ? answer : answer.type))).toEqual([
      'flushed',
      'flush_refused',
      'rate',
    ])
    const other = makeOutboxToken(core.engine.secret, { client: freshId(), user: null, issuedAtMs: clock.wallMs() })
    expect(await core.flushes.enter(other)).toMatchObject({ user: null })
    await clock.pass(30_000)
    expect(await flush()).toMatchObject({ type: 'flush_refused' })
  })

  it('[P40] a handler that takes its time: what is committed is told, the rest is not applied, and the handler ends in peace', async () => {
    let finish = (): void => {}
    const server = await start({
      onMessage: ({ data }) => {
        if (data !== 3) return server.applied.push(data)
        return new Promise<number>((resolve) => (finish = () => resolve(server.applied.push(data))))
      },
    })
    const entries = entriesOf(1, 5)
    const answering = server.flush({ entries })
    await server.clock.settle()
    await server.clock.pass(8_000)
    expect(await answering).toMatchObject({ hi: 2, stable: 2, id: entries[1]?.id })
    const nothing = server.flush({ entries: entries.slice(2), confirmed: 2 })
    await server.clock.settle()
    await server.clock.pass(8_000)
    expect(await nothing).toEqual(refused('busy'))
    finish()
    await server.clock.settle()
    expect(server.applied).toEqual([1, 2, 3])
    expect(await server.flush({ entries: entries.slice(2), confirmed: 2 })).toMatchObject({ hi: 5, stable: 5 })
    expect(server.applied).toEqual([1, 2, 3, 4, 5])
  })

  it('[P40] outcomes that do not fit are told by the next flush, none is passed over', async () => {
    const { flush } = await start({ limits: { frameBytes: 8_192, messageBytes: 2_000 }, onMessage: () => 'r'.repeat(1_500) })
    const entries = entriesOf(1, 6)
    const told: number[] = []
    let confirmed = 0
    for (let turn = 0; turn < 6 && confirmed < 6; turn++) {
      const answer = await flush({ entries: entries.slice(confirmed), confirmed })
      if (typeof answer === 'string' || answer.type !== 'flushed') throw new Error('refused')
      expect(answer).toMatchObject({ hi: 6, id: entries[answer.stable - 1]?.id })
      expect(JSON.stringify(answer).length).toBeLessThanOrEqual(8_192)
      told.push(...answer.outcomes.map(({ n }) => n))
      confirmed = answer.stable
    }
    expect(told).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('[P40] [P16] [I30] a client that confirms nothing is busy, and goes on when it does', async () => {
    const { flush, applied } = await start({ limits: { sendWindow: 1 } })
    for (let from = 1; from <= 4_001; from += 1_000) await flush({ entries: entriesOf(from, from + 999) })
    expect(applied).toHaveLength(5_000)
    expect(await flush({ entries: entriesOf(5_001, 5_001) })).toEqual(refused('busy'))
    expect(await flush({ entries: entriesOf(5_001, 5_001), confirmed: 5_000 })).toMatchObject({ hi: 5_001 })
  })

  it('[P40] [I30] replies that are not confirmed: the rest is left for later', async () => {
    const { flush, applied } = await start({
      limits: { replyBytes: 50_000 },
      onMessage: async ({ data }) => (applied.push(data), Promise.resolve('r'.repeat(10_000))),
    })
    expect(await flush({ entries: entriesOf(1, 100) })).toMatchObject({ type: 'flushed', hi: 5 })
    expect(applied).toHaveLength(5)
  })

  it('[P41] an engine that fails is busy, and nothing is taken for acknowledged', async () => {
    const inner = memoryEngine()
    let fails = true
    const engine = new Proxy(inner, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        if (key === 'commit' && fails) return () => Promise.reject(new Error('away'))
        return value.bind(target) as unknown
      },
    })
    const { flush, core } = await start({ engine })
    expect(await flush()).toEqual(refused('busy'))
    expect(core.metrics()).toMatchObject({ flushes: 0, queued: 0 })
    fails = false
    expect(await flush()).toMatchObject({ hi: 1 })
  })

  it('[P41] a server that closes answers with what is committed, and takes no more', async () => {
    const server = await start({ onMessage: ({ data }) => (data === 2 ? never() : void server.applied.push(data)) })
    const answering = server.flush({ entries: entriesOf(1, 3) })
    await server.clock.settle()
    const closing = server.core.close(100)
    await server.clock.pass(100)
    expect(await answering).toMatchObject({ hi: 1 })
    await closing
    expect(await server.flush()).toBe('busy')
  })

  it('[P8] a flush is a use of the client: its record lives on', async () => {
    const server = await start({ sessions: { clientTtlMs: 40_000, ttlMs: 40_000, sweepMs: 1_000 } })
    const entries = entriesOf(1, 2)
    await server.flush({ entries: entries.slice(0, 1) })
    await server.clock.pass(30_000)
    await server.flush({ entries: entries.slice(0, 1) })
    await server.clock.pass(15_000)
    expect(server.core.metrics().clients).toBe(1)
    await server.clock.pass(30_000)
    expect(server.core.metrics().clients).toBe(0)
  })
})
