import { describe, expect, it } from 'vitest'
import { fakeServer, freshId, type FakeServer } from './testing/fake-peer.ts'
import { HoldfastError } from '../protocol/index.ts'

const users = { authenticate: ({ credential }: { credential: string | null }) => (credential === null ? null : { user: credential }) }

describe('frames', () => {
  it('[P34] closes with reasons that are fixed', async () => {
    const { open } = fakeServer()
    const peer = await open()
    peer.text('secret')
    expect(peer.closedWith).toEqual({ name: 'badMessage', code: 4400, why: 'P1: not JSON' })
    peer.text('{"type":"ping"}')
    expect(peer.all('pong')).toEqual([])
  })
})

describe('opening', () => {
  it('[P3] [P6] makes session id and token, and never the same', async () => {
    const { open } = fakeServer()
    const answers = [(await open()).last('session_init'), (await open()).last('session_init')]
    for (const { session } of answers) {
      expect(session.id).toMatch(/^[\w-]{22}$/)
      expect(session.token).toMatch(/^[\w-]{43}$/)
    }
    expect(answers[0]?.session).not.toEqual(answers[1]?.session)
  })

  it('[P4] closes with 4408 when no hello comes in time', async () => {
    const { peer, clock } = fakeServer()
    const silent = peer()
    await clock.pass(9_000)
    expect(silent.closedWith).toBeUndefined()
    await clock.pass(2_000)
    expect(silent.closedWith?.code).toBe(4408)
  })

  it('[P4] refuses another protocol version with 4440, whatever else its hello holds', async () => {
    const { open, peer } = fakeServer()
    expect((await open({ protocol: 2 })).closedWith?.code).toBe(4440)
    const future = peer()
    future.text('{"type":"hello","protocol":3,"who":"me"}')
    expect(future.closedWith?.code).toBe(4440)
  })

  it('[P4] takes what comes between hello and its answer when it was given, and reads no more until then', async () => {
    const { peer, clock } = fakeServer()
    const eager = peer()
    eager.hello()
    eager.say({ type: 'ping' })
    await clock.settle()
    expect(eager.received.map(({ type }) => type)).toEqual(['session_init', 'pong'])
    const flood = peer()
    flood.hello()
    flood.say({ type: 'ping' })
    expect([flood.isHeld, flood.closedWith]).toEqual([true, undefined])
  })

  it.each([
    ['null', () => null],
    [
      'a throw',
      () => {
        throw new Error('no')
      },
    ],
    ['a rejection', () => Promise.reject(new Error('no'))],
    ['no user', () => ({ user: '' })],
    ['an expired credential', () => ({ user: 'ada', expiresAtMs: 1 })],
  ])('[P5] closes with 4401 when authenticate answers with %s', async (_what, authenticate) => {
    const { open } = fakeServer({ authenticate })
    const peer = await open({ user: 'ada', credential: 'x' })
    expect(peer.closedWith?.code).toBe(4401)
    expect(peer.received).toEqual([])
  })

  it('[P5] [N9] closes with 4401 when authenticate does not settle, and says so as an error', async () => {
    const lines: unknown[] = []
    const { open, clock } = fakeServer({ authenticate: () => new Promise(() => {}), log: (entry) => lines.push(entry) })
    const peer = await open({ user: 'ada', credential: 'x' })
    await clock.pass(30_000)
    expect(peer.closedWith?.code).toBe(4401)
    expect(lines).toContainEqual({ level: 'error', event: 'authenticate_failed', error: 'Error' })
  })

  it('[N9] an authenticate that throws is an error once a minute, and a flood of it no more than that', async () => {
    const levels: string[] = []
    const { open, clock } = fakeServer({
      authenticate: () => {
        throw new TypeError('no such table')
      },
      log: ({ event, level }) => event === 'authenticate_failed' && levels.push(level),
    })
    for (let at = 0; at < 3; at++) await open({ user: 'ada', credential: 'x' })
    expect(levels).toEqual(['error', 'info', 'info'])
    await clock.pass(60_000)
    await open({ user: 'ada', credential: 'x' })
    expect(levels.at(-1)).toBe('error')
  })

  it.each([
    ['null', () => null],
    [
      'forbidden',
      () => {
        throw new HoldfastError('forbidden', 'banned')
      },
    ],
  ])('[N9] an authenticate that refuses with %s is no error', async (_what, authenticate) => {
    const lines: unknown[] = []
    const { open } = fakeServer({ authenticate, log: (entry) => lines.push(entry) })
    await open({ user: 'ada', credential: 'x' })
    expect(lines.length).toBeGreaterThan(0)
    expect(lines).not.toContainEqual(expect.objectContaining({ level: 'error' }))
  })

  it('[P5] closes with 4403 a user who may not connect', async () => {
    const { open } = fakeServer({
      authenticate: () => {
        throw new HoldfastError('forbidden', 'banned')
      },
    })
    expect((await open({ user: 'ada', credential: 'x' })).closedWith?.code).toBe(4403)
  })

  it('[P5] [I25] closes with 4411 before anything is answered when the user is another', async () => {
    const { open } = fakeServer(users)
    const peer = await open({ user: 'bob', credential: 'ada' })
    expect([peer.closedWith?.code, peer.received]).toEqual([4411, []])
    expect((await fakeServer().open({ user: 'ada' })).closedWith?.code).toBe(4411)
  })

  it('[P6] [I22] resumes as often as asked, also when the answer was lost', async () => {
    const { open } = fakeServer(users)
    const first = await open({ user: 'ada', credential: 'ada' })
    const { session } = first.last('session_init')
    for (const connection of [2, 3, 4]) {
      const again = await open({ user: 'ada', credential: 'ada', session })
      expect(again.last('session_restored')).toMatchObject({ session: { id: session.id }, connection, user: 'ada' })
    }
  })

  it('[P7] [I21] closes the older socket with 4409; it receives and changes nothing any more', async () => {
    const applied: unknown[] = []
    const { open, core, clock } = fakeServer({ onMessage: ({ data }) => void applied.push(data) })
    const subscriptions = [{ sub: 1, channel: 'agents', cursor: null }]
    const old = await open({ subscriptions })
    const { session } = old.last('session_init')
    const young = await open({ session, client: old.client, subscriptions })
    expect(old.closedWith?.code).toBe(4409)
    const before = old.received.length
    await core.publish('agents', 1)
    old.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'a', data: 'late' }] })
    old.drop()
    await clock.settle()
    expect([old.received.length, applied]).toEqual([before, []])
    expect(young.messagesOf(1)).toHaveLength(1)
    expect((await open({ session })).last('session_restored').connection).toBe(3)
  })

  it('[P7] has one live socket when a session is resumed many times at once', async () => {
    const { open, peer, clock } = fakeServer({ limits: { resumesPerMinute: 1_000 } })
    const { session } = (await open()).last('session_init')
    const storm = Array.from({ length: 100 }, () => peer())
    for (const each of storm) each.hello({ session })
    await clock.settle()
    expect(storm.filter(({ closedWith }) => closedWith === undefined)).toHaveLength(1)
    expect(storm.at(-1)?.closedWith).toBeUndefined()
  })

  it('[P8] resumes within 0 ms of the drop and until the TTL, not after it', async () => {
    const { open, clock, core } = fakeServer({ sessions: { ttlMs: 60_000, sweepMs: 10_000 } })
    const first = await open()
    const { session } = first.last('session_init')
    first.drop()
    const second = await open({ session })
    expect(second.all('session_restored')).toHaveLength(1)
    // As long as it is connected it lives on.
    for (let at = 0; at < 12; at++) {
      second.say({ type: 'ping' })
      await clock.pass(10_000)
    }
    second.drop()
    await clock.pass(50_000)
    const third = await open({ session })
    expect(third.all('session_restored')).toHaveLength(1)
    third.drop()
    await clock.pass(80_000)
    expect(core.metrics().sessions).toBe(0)
    expect((await open({ session })).all('session_init')).toHaveLength(1)
  })

  it('[P21] names another ledger and other epochs in every instance of the memory engine', async () => {
    const [one, two] = [
      await fakeServer().open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] }),
      await fakeServer().open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] }),
    ]
    expect(one.answer().ledger).not.toBe(two.answer().ledger)
    expect(one.last('subscribed').head.epoch).not.toBe(two.last('subscribed').head.epoch)
  })

  it('[I30] gives up the oldest disconnected session when there are too many, and never a connected one', async () => {
    const { open, clock, core } = fakeServer({ sessions: { max: 2, sweepMs: 10_000 } })
    const [one, two] = [await open(), await open()]
    expect((await open()).closedWith?.code).toBe(1013)
    two.drop()
    await clock.pass(11_000)
    one.say({ type: 'ping' })
    expect((await open()).all('session_init')).toHaveLength(1)
    expect(core.metrics()).toMatchObject({ sessions: 2, totals: { 'dropped.sessions': 1, 'refused.sessions': 1 } })
    expect((await open({ session: one.last('session_init').session })).all('session_restored')).toHaveLength(1)
  })
})

describe('staying alive', () => {
  it('[P16] reads no more than twice the announced frames, whatever comes, and closes nobody for it', async () => {
    const { open, clock } = fakeServer()
    const honest = await open()
    for (let second = 0; second < 5; second++) {
      for (let at = 0; at < 150; at++) honest.say({ type: 'ping' })
      await clock.pass(1_000)
    }
    expect(honest.closedWith).toBeUndefined()
    const [flood, pings] = [await open(), await open()]
    for (let at = 0; at < 300; at++) flood.say({ type: 'ping' })
    for (let at = 0; at < 300; at++) pings.control()
    expect([flood.all('pong').length, flood.isHeld, pings.isHeld]).toEqual([200, true, true])
    await clock.pass(2_000)
    expect([flood.all('pong').length, flood.isHeld, pings.isHeld]).toEqual([300, false, false])
    expect([flood.closedWith, pings.closedWith]).toEqual([undefined, undefined])
  })

  it('[P31] [I33] answers ping, and ends a socket that was silent for too long', async () => {
    const { open, clock } = fakeServer()
    const [lively, dead] = [await open(), await open()]
    for (let at = 0; at < 6; at++) {
      lively.say({ type: 'ping' })
      await clock.pass(10_000)
    }
    expect(lively.all('pong')).toHaveLength(6)
    expect([lively.closedWith?.code, dead.closedWith?.code]).toEqual([undefined, 1001])
  })

  it('(SEC8) [P32] asks for a fresh credential a minute before the end, and takes it', async () => {
    let expiresAtMs = 0
    const { open, clock } = fakeServer({ authenticate: ({ credential }) => (credential === 'bad' ? null : { user: 'ada', expiresAtMs }) })
    const alive = async (peer: Awaited<ReturnType<typeof open>>, ms: number): Promise<void> => {
      for (let left = ms; left > 0; left -= 20_000) {
        await clock.pass(Math.min(left, 20_000))
        peer.say({ type: 'ping' })
      }
    }
    expiresAtMs = clock.wallMs() + 120_000
    const peer = await open({ user: 'ada', credential: 'good' })
    await alive(peer, 58_000)
    expect(peer.all('authenticate')).toEqual([])
    await alive(peer, 4_000)
    expect(peer.last('authenticate').withinMs).toBeGreaterThan(55_000)
    expiresAtMs = clock.wallMs() + 120_000
    peer.say({ type: 'authenticate', credential: 'good' })
    await alive(peer, 110_000)
    expect(peer.closedWith).toBeUndefined()
    expect(peer.all('authenticate')).toHaveLength(2)
    await alive(peer, 20_000)
    expect(peer.closedWith?.code).toBe(4401)
  })

  it('[P32] asks for a short-lived credential once in each of its lives', async () => {
    const lifeMs = 20_000
    const server: FakeServer = fakeServer({
      authenticate: ({ credential }) => ({ user: credential ?? '', expiresAtMs: server.clock.wallMs() + lifeMs }),
    })
    const peer = await server.open({ user: 'ada', credential: 'ada' })
    for (let passed = 0; passed < 60_000; passed += 1_000) {
      const asked = peer.all('authenticate').length
      await server.clock.pass(1_000)
      if (peer.all('authenticate').length > asked) peer.say({ type: 'authenticate', credential: 'ada' })
      await server.clock.settle()
    }
    expect(peer.closedWith).toBeUndefined()
    expect(peer.all('authenticate').length).toBeGreaterThanOrEqual(4)
    expect(peer.all('authenticate').length).toBeLessThanOrEqual(7)
  })

  it.each([300, 700, 1_200, 2_500])('[P32] asks at half of a life of %i ms, and closes when it has ended', async (lifeMs) => {
    const server: FakeServer = fakeServer({ authenticate: () => ({ user: 'ada', expiresAtMs: server.clock.wallMs() + lifeMs }) })
    const peer = await server.open({ user: 'ada', credential: 'x' })
    await server.clock.pass(lifeMs / 2 - 1)
    expect(peer.all('authenticate')).toEqual([])
    await server.clock.pass(1)
    expect(peer.last('authenticate').withinMs).toBe(lifeMs / 2)
    await server.clock.pass(lifeMs / 2 - 1)
    expect(peer.closedWith).toBeUndefined()
    await server.clock.pass(1)
    expect([peer.closedWith?.code, peer.all('authenticate').length]).toEqual([4401, 1])
  })

  it('[P32] a renewed credential has a time of its own, and a connection that is gone none', async () => {
    let lifeMs = 500
    const server: FakeServer = fakeServer({ authenticate: () => ({ user: 'ada', expiresAtMs: server.clock.wallMs() + lifeMs }) })
    const idle = server.clock.timers
    const peer = await server.open({ user: 'ada', credential: 'x' })
    lifeMs = 400
    await server.clock.pass(300)
    peer.say({ type: 'authenticate', credential: 'x' })
    await server.clock.pass(399)
    expect([peer.closedWith, peer.all('authenticate').length]).toEqual([undefined, 2])
    await server.clock.pass(1)
    expect(peer.closedWith?.code).toBe(4401)
    lifeMs = 3_600_000
    const other = await server.open({ user: 'ada', credential: 'x' })
    other.drop()
    expect(server.clock.timers).toBe(idle)
  })

  it.each([
    ['a refused credential', 'bad'],
    ["another user's", 'bob'],
  ])('[P32] closes with 4401 on %s', async (_what, credential) => {
    const { open, clock } = fakeServer({ authenticate: ({ credential: given }) => (given === 'bad' ? null : { user: given ?? '' }) })
    const peer = await open({ user: 'ada', credential: 'ada' })
    peer.say({ type: 'authenticate', credential: 'ada' })
    await clock.settle()
    expect(peer.closedWith).toBeUndefined()
    peer.say({ type: 'authenticate', credential })
    await clock.settle()
    expect(peer.closedWith?.code).toBe(4401)
  })
})

describe('the log', () => {
  it('(SEC22) [I29] disturbs nothing when it throws, and never holds a payload, a credential or a token', async () => {
    const lines: unknown[] = []
    const { open, clock } = fakeServer({
      authenticate: ({ credential }) => ({ user: credential ?? '' }),
      authorize: () => {
        throw new Error('SECRET')
      },
      onMessage: () => {
        throw new Error('SECRET')
      },
      snapshot: () => {
        throw new Error('SECRET')
      },
      log: (entry) => {
        lines.push(entry)
        throw new Error('full')
      },
    })
    const peer = await open({ user: 'SECRET', credential: 'SECRET', subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    peer.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'a', data: 'SECRET' }] })
    await clock.settle()
    expect(lines.length).toBeGreaterThan(0)
    expect(JSON.stringify(lines)).not.toContain('SECRET')
    expect(peer.closedWith).toBeUndefined()
  })
})
