import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CLOSE } from '../protocol/close-codes.ts'
import type { CoreEvent } from './events.ts'
import { publicState } from './derive-public-state.ts'
import { SENDER, id, LEDGER, place, published, restored, settings, welcome } from './testing/frames.ts'
import { createMachine, type Machine } from './testing/machine.ts'

const credential: CoreEvent = { type: 'credential', credential: 'secret' }
const closed = (code: number): CoreEvent => ({ type: 'closed', code })
const retryTimer: CoreEvent = { type: 'timer', timer: 'retry' }
const delays = (machine: Machine): number[] =>
  machine.take().flatMap((effect) => (effect.type === 'set-timer' && effect.timer === 'retry' ? [effect.delayMs] : []))

/** Lets the wait pass and the next try fail before its socket opens. */
function failOnce(machine: Machine): number {
  machine.feed(retryTimer, credential, closed(1006))
  const delayMs = delays(machine)[0] ?? 0
  machine.nowMs += delayMs
  return delayMs
}

describe('a try', () => {
  it('[CN1] asks for a credential, opens one socket, and says hello once with what is known', () => {
    const machine = createMachine(settings(), { ...createMachine().append(1).state.outbox, client: id('c') })
    machine.feed({ type: 'subscribe', channel: 'a', cursor: place(3) }, { type: 'start' })
    expect(machine.take().filter(({ type }) => type !== 'clear-timer')).toEqual([{ type: 'ask-credential' }])
    machine.feed(credential)
    expect(machine.take()).toEqual([
      { type: 'set-timer', timer: 'handshake', delayMs: 10_000 },
      { type: 'open', partBytes: 16_384 },
    ])
    machine.feed({ type: 'opened' })
    expect(machine.take()).toEqual([
      {
        type: 'hello',
        hello: {
          type: 'hello',
          protocol: 1,
          client: id('c'),
          sender: SENDER,
          features: ['parts'],
          confirmed: 0,
          user: 'ada',
          session: null,
          credential: 'secret',
          subscriptions: [{ sub: 2, channel: 'a', cursor: place(3) }],
        },
      },
      { type: 'set-timer', timer: 'handshake', delayMs: 10_000 },
    ])
    expect(machine.feed({ type: 'opened' }, credential).take()).toEqual([])
  })

  it('[CN1] without an answer to hello within 10 s the socket is given up', () => {
    const machine = createMachine().feed({ type: 'start' }, credential, { type: 'opened' })
    machine.take()
    machine.feed({ type: 'timer', timer: 'handshake' })
    expect(machine.take()[0]).toEqual({ type: 'close', code: 4000, reason: 'unreachable' })
    expect(machine.state.phase).toMatchObject({ name: 'waiting', reason: 'unreachable', retryAtMs: machine.nowMs + 1_000 })
  })

  it('[HK3] [P51] a server that says that it is at it is waited for, for 90 s at most', () => {
    const machine = createMachine().feed({ type: 'start' }, credential, { type: 'opened' })
    for (let saidMs = 3_000; saidMs <= 87_000; saidMs += 3_000) {
      machine.nowMs += 3_000
      machine.take()
      machine.feed({ type: 'progress', hasMoved: false })
      expect(machine.take()).toEqual([{ type: 'set-timer', timer: 'handshake', delayMs: Math.min(10_000, 90_000 - saidMs) }])
    }
    expect(machine.frame(welcome()).state.phase.name).toBe('live')
  })

  it("[CN1] session_init is handled: a new session's data arrives whole and the cursor is kept", () => {
    const machine = createMachine().feed({ type: 'subscribe', channel: 'a', cursor: place(3) })
    machine.identify(welcome({ session: { id: id('first'), token: 'a'.repeat(43) } }))
    machine.frame({ type: 'subscribed', sub: 2, head: place(5), verdict: 'recovered', missed: 2 })
    machine.frame({ type: 'missed_messages', sub: 2, messages: published(4, 5) })
    expect(machine.told()).toEqual([
      { type: 'recovering', channel: 'a', missed: 2, upTo: 5 },
      { type: 'messages', channel: 'a', messages: published(4, 5), cursor: place(5) },
    ])
    // The session is forgotten by the server: the place in the channel is not.
    machine.feed(closed(1006)).connect(welcome({ session: { id: id('second'), token: 'b'.repeat(43) } }))
    expect(machine.take()).toContainEqual(
      expect.objectContaining({
        hello: expect.objectContaining({
          session: { id: id('first'), token: 'a'.repeat(43) },
          subscriptions: [{ sub: 3, channel: 'a', cursor: place(5) }],
        }),
      }),
    )
    expect(machine.state.session?.id).toBe(id('second'))
    machine.frame({ type: 'subscribed', sub: 3, head: place(5), verdict: 'recovered', missed: 0 })
    expect(publicState(machine.state, { durable: true, shared: true }).status).toBe('connected')
  })

  it('[CN10] the answer is stored, and a session is resumed with the token it was made with', () => {
    const machine = createMachine().connect()
    const session = { id: id('session'), token: 't'.repeat(43) }
    expect(machine.take()).toContainEqual({
      type: 'save-identity',
      identity: { session, ledger: LEDGER, since: 0, sentThrough: 0, sendOnly: null },
      link: 1,
    })
    machine.feed(closed(1006)).connect(restored({ ledger: id('other') }))
    expect(machine.take()).toContainEqual({
      type: 'save-identity',
      identity: { session, ledger: id('other'), since: 0, sentThrough: 0, sendOnly: null },
      link: 2,
    })
  })

  it('[CN12] [P4] an answer that resumes another session, or comes twice, breaks the protocol', () => {
    const never = createMachine().connect(restored())
    expect(never.state.phase).toMatchObject({ name: 'waiting', reason: 'protocol' })
    const twice = createMachine().connect().frame(welcome())
    expect(twice.state.phase).toMatchObject({ name: 'waiting', reason: 'protocol' })
  })

  it('[CN10] [I23] memories that disagree restart the outbox before anything is sent, and hello is said again', () => {
    const machine = createMachine()
      .append(1)
      .connect(welcome({ client: { hi: 9, id: id('x') } }))
    const effects = machine.take()
    expect(effects).toContainEqual({ type: 'restart', why: 'store-went-back' })
    expect(effects).toContainEqual({ type: 'close', code: 4000, reason: 'restart' })
    expect(effects.some(({ type }) => type === 'save-identity')).toBe(false)
    machine.feed({ type: 'restarted', outbox: { ...machine.state.outbox, client: id('next') } }, credential, { type: 'opened' })
    expect(machine.take()).toContainEqual(expect.objectContaining({ hello: expect.objectContaining({ client: id('next') }) }))
  })

  it('[CN13] a restart whose answer comes after it was given up ends the socket that knows the old client id', () => {
    const machine = createMachine()
      .append(1)
      .connect(welcome({ client: { hi: 9, id: id('x') } }))
    machine.feed({ type: 'store-failed' }, retryTimer, credential, { type: 'opened' })
    expect(machine.state.phase.name).toBe('greeting')
    machine.feed({ type: 'restarted', outbox: { ...machine.state.outbox, client: id('next') } })
    expect(machine.state).toMatchObject({ phase: { name: 'waiting' }, outbox: { client: id('next') } })
  })

  it('[CN15] a try without a credential is a failed try', () => {
    const machine = createMachine().feed({ type: 'start' }, { type: 'no-credential' })
    expect(machine.state.phase).toMatchObject({ name: 'waiting', reason: 'no-credential', retryAtMs: machine.nowMs + 1_000 })
    expect(machine.feed(credential).state.phase.name).toBe('waiting')
  })

  it('[CN15] [P32] a server that wants a fresh credential is given one on the open socket', () => {
    const machine = createMachine().connect()
    machine.take()
    expect(machine.frame({ type: 'authenticate', withinMs: 1 }).take()).toEqual([{ type: 'ask-credential' }])
    expect(machine.feed(credential).sent()).toEqual([{ type: 'authenticate', credential: 'secret' }])
    expect(machine.feed({ type: 'credential', credential: null }, { type: 'no-credential' }).take()).toEqual([])
  })
})

describe('waiting', () => {
  it('[CN2] [I34] failures in a row wait 1, 2, 4, 8, 16, 30, 30 s without jitter', () => {
    const machine = createMachine().feed({ type: 'start' }, credential, closed(1006))
    const first = delays(machine)[0] ?? 0
    machine.nowMs += first
    expect([first, ...Array.from({ length: 6 }, () => failOnce(machine))]).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  })

  it('[CN2] reconnect.baseDelayMs changes the delays', () => {
    const machine = createMachine(settings({ reconnect: { baseDelayMs: 250, maxDelayMs: 900 } })).feed(
      { type: 'start' },
      credential,
      closed(1006),
    )
    const first = delays(machine)[0] ?? 0
    machine.nowMs += first
    expect([first, failOnce(machine), failOnce(machine)]).toEqual([250, 500, 900])
  })

  it('[CN2] reconnect.jitter spreads them', () => {
    const machine = createMachine(settings({ reconnect: { jitter: 1 } }))
    machine.fraction = 0.75
    machine.feed({ type: 'start' }, credential, closed(1006))
    expect(delays(machine)).toEqual([250])
  })

  it('[CN3] [I34] the delays begin anew only after the connection has held for stableAfterMs, not at its answer', () => {
    const machine = createMachine(settings({ reconnect: { stableAfterMs: 700 } })).feed({ type: 'start' }, credential, closed(1006))
    machine.take()
    machine.feed(retryTimer, credential, { type: 'opened' }).frame(welcome())
    expect(machine.take()).toContainEqual({ type: 'set-timer', timer: 'stable', delayMs: 700 })
    machine.nowMs += 1_000
    machine.feed(closed(1006))
    expect(machine.effects).toContainEqual({ type: 'clear-timer', timer: 'stable' })
    expect(delays(machine)).toEqual([2_000])
    machine.feed(retryTimer, credential, { type: 'opened' }).frame(restored()).feed({ type: 'timer', timer: 'stable' }, closed(1006))
    expect(delays(machine)).toEqual([1_000])
  })

  it('[CN4] [P33] the window of a goodbye is obeyed once', () => {
    const machine = createMachine().connect()
    machine.take()
    machine.fraction = 0.5
    machine.frame({ type: 'goodbye', retryMinMs: 2_000, retryMaxMs: 4_000 })
    expect([machine.state.phase.name, machine.take()]).toEqual(['live', []])
    machine.feed(closed(1012))
    expect(machine.state.phase).toMatchObject({ name: 'waiting', reason: 'server-restart' })
    expect(delays(machine)).toEqual([3_000])
    machine.nowMs += 3_000
    expect(failOnce(machine)).toBe(2_000)
  })

  it('[CN4] a goodbye that was followed by another connection is forgotten', () => {
    const machine = createMachine().connect().frame({ type: 'goodbye', retryMinMs: 60_000, retryMaxMs: 60_000 })
    machine.frame({ type: 'unknown_client' }).feed({ type: 'restarted', outbox: machine.state.outbox }, credential, { type: 'opened' })
    machine.frame(restored()).take()
    machine.feed(closed(1006))
    expect(delays(machine)).toEqual([1_000])
  })

  it('[CN5] [I32] a wake-up or the app cuts any wait short; the app also begins the delays anew', () => {
    const machine = createMachine().feed({ type: 'start' }, credential, closed(1006), { type: 'wake' })
    expect(machine.state).toMatchObject({ attempt: 1, phase: { name: 'asking' } })
    machine.feed(credential, closed(1006), { type: 'retry' })
    expect(machine.state).toMatchObject({ attempt: 0, phase: { name: 'asking' } })
  })

  it('[CN6] [I34] a server that accepts and closes at once, and an app that never stops asking, get 20 tries a minute', () => {
    const machine = createMachine().feed({ type: 'start' })
    const opened: number[] = []
    for (let ms = 0; ms < 180_000; ms += 500) {
      machine.feed(credential, { type: 'opened' }).frame(machine.state.session ? restored() : welcome())
      machine.feed(closed(1006), { type: 'wake' }, { type: 'retry' })
      opened.push(...machine.take().flatMap(({ type }) => (type === 'open' ? [machine.nowMs] : [])))
      machine.nowMs += 500
      if (machine.state.phase.name === 'waiting' && machine.state.phase.retryAtMs <= machine.nowMs) machine.feed(retryTimer)
    }
    for (const end of opened) expect(opened.filter((at) => at > end - 60_000 && at <= end).length).toBeLessThanOrEqual(20)
    expect(Math.max(...opened.map((at, index) => at - (opened[index - 1] ?? at)))).toBe(6_000)
    expect(opened).toHaveLength(39)
  })

  it('[CN9] after maxAttempts failures in a row only a wake-up or the app brings another try', () => {
    const machine = createMachine(settings({ reconnect: { maxAttempts: 2 } })).feed({ type: 'start' }, credential, closed(1006))
    machine.take()
    machine.feed(retryTimer, credential, closed(1006))
    expect(machine.state.phase).toMatchObject({ name: 'waiting', retryAtMs: Infinity })
    expect(machine.take()).toContainEqual({ type: 'clear-timer', timer: 'retry' })
    machine.feed({ type: 'wake' }, credential, closed(1006))
    expect(machine.state.phase).toMatchObject({ name: 'waiting', retryAtMs: Infinity })
    machine.feed({ type: 'retry' }, credential, closed(1006))
    expect(machine.state.phase).toMatchObject({ name: 'waiting', retryAtMs: machine.nowMs + 1_000 })
  })
})

describe('ends of a socket', () => {
  const table = [
    ...Object.values(CLOSE).filter(({ code }) => code !== CLOSE.replaced.code),
    { code: 1006, after: 'retry' },
    { code: 4999, after: 'retry' },
  ]
  it.each(table.map(({ code, after }) => [code, after] as const))('[CN7] [P34] code %i means %s', (code, after) => {
    const [greeting, live] = [createMachine().feed({ type: 'start' }, credential, { type: 'opened' }), createMachine().connect()]
    const expected = after === 'refuse' ? 'refused' : 'waiting'
    expect(greeting.feed(closed(code)).state.phase.name).toBe(expected)
    expect(live.feed(closed(code)).state.phase.name).toBe(code === CLOSE.unauthenticated.code ? 'waiting' : expected)
  })

  it('[CN7] a credential that ends on an open connection means one more try with a fresh one', () => {
    const machine = createMachine().connect().feed(closed(CLOSE.unauthenticated.code))
    machine.take()
    expect(machine.feed(retryTimer).take()).toContainEqual({ type: 'ask-credential' })
    machine.feed(credential, { type: 'opened' }, closed(CLOSE.unauthenticated.code))
    expect(machine.state.phase).toEqual({ name: 'refused', reason: 'auth' })
  })

  it.each([
    [4401, 'auth'],
    [4403, 'forbidden'],
    [4411, 'user'],
    [4440, 'version'],
  ])('[CN7] refused with %i as %s until the app asks again', (code, reason) => {
    const machine = createMachine().feed({ type: 'start' }, credential, { type: 'opened' }, closed(code))
    expect(machine.state.phase).toEqual({ name: 'refused', reason })
    machine.take()
    machine.feed({ type: 'start' }, retryTimer, credential, { type: 'presence', visible: true, online: true }, { type: 'wake' })
    // Only a credential can be another one by now.
    expect(machine.take()).toEqual(reason === 'auth' ? [{ type: 'ask-credential' }] : [])
    expect(machine.feed({ type: 'retry' }).state.phase.name).toBe('asking')
  })

  it('[CN7] [I25] an answer for another user is refused, and nothing is sent', () => {
    const machine = createMachine()
      .append(1)
      .connect(welcome({ user: 'bob' }))
    expect(machine.state).toMatchObject({ phase: { name: 'refused', reason: 'user' }, session: null })
    expect(machine.sent()).toEqual([])
  })

  it('[CN7] [CH10] an answer for another user sends nothing of what was wanted before it came either', () => {
    const machine = createMachine().feed({ type: 'start' }, credential, { type: 'opened' })
    machine.feed({ type: 'subscribe', channel: 'a', cursor: null }).frame(welcome({ user: 'bob' }))
    expect(machine.sent()).toEqual([])
  })

  it('[CN7] [CN12] a server that closes with 4400 is waited for as one that breaks the protocol', () => {
    expect(createMachine().connect().feed(closed(4400)).state.phase).toMatchObject({ name: 'waiting', reason: 'protocol' })
  })

  it('[CN11] [I23] [P7] a connection replaced while this hub owns the store was cloned: new session, and the outbox restarts', () => {
    const machine = createMachine().append(1).identify()
    // What the hub before this one left under way may have done it, once.
    machine.feed(closed(4409))
    expect(machine.state).toMatchObject({
      session: { id: expect.any(String) },
      phase: { name: 'waiting', reason: 'unreachable', closeCode: 4409 },
    })
    machine.identify()
    machine.take()
    machine.feed(closed(4409))
    expect(machine.state).toMatchObject({ session: null, phase: { name: 'restarting' } })
    expect(machine.take()).toContainEqual({ type: 'restart', why: 'cloned' })
    const greeting = createMachine().feed({ type: 'start' }, credential, { type: 'opened' }, closed(4409))
    expect(greeting.state.phase.name).toBe('waiting')
  })

  it.each(['handshake', 'the socket is closed'])(
    '[CN11] a hello that was left (%s) may reach the server late: one more close is excused',
    (how) => {
      const machine = createMachine().append(1).identify().feed(closed(4409), { type: 'retry' }, credential, { type: 'opened' })
      if (how === 'handshake') machine.feed({ type: 'timer', timer: 'handshake' })
      else machine.feed(closed(1006))
      machine.identify().feed(closed(4409))
      expect(machine.state.phase).toMatchObject({ name: 'waiting', reason: 'unreachable' })
      machine.identify().feed(closed(4409))
      expect(machine.state.phase.name).toBe('restarting')
    },
  )

  it('[CN12] [P2] [I29] a bad frame closes with 4400 and the client comes back with backoff', () => {
    const machine = createMachine().connect()
    machine.take()
    machine.feed({ type: 'bad-frame' })
    expect(machine.take()).toContainEqual({ type: 'close', code: 4400, reason: 'protocol' })
    expect(machine.state.phase).toMatchObject({ name: 'waiting', reason: 'protocol', retryAtMs: machine.nowMs + 1_000 })
  })

  it('[CN12] a frame before the answer to hello breaks the protocol', () => {
    const machine = createMachine().feed({ type: 'start' }, credential, { type: 'opened' }).frame({ type: 'expected', n: 1 })
    expect(machine.state.phase).toMatchObject({ name: 'waiting', reason: 'protocol' })
  })

  it('[CN16] stopping closes the socket and every timer, and nothing begins again', () => {
    const machine = createMachine().connect()
    machine.take()
    machine.feed({ type: 'stop' })
    const effects = machine.take()
    expect(effects[0]).toEqual({ type: 'close', code: 1000, reason: 'closed' })
    const cleared = effects.flatMap((effect) => (effect.type === 'clear-timer' ? [effect.timer] : []))
    expect(cleared.toSorted()).toEqual(['answers', 'errands', 'handshake', 'heartbeat', 'pace', 'pong', 'resubscribe', 'retry', 'stable'])
    machine.feed({ type: 'wake' }, { type: 'retry' }, retryTimer, credential, closed(1006), {
      type: 'restarted',
      outbox: machine.state.outbox,
    })
    expect([machine.state.phase.name, machine.take()]).toEqual(['resting', []])
  })
})

describe('transition', () => {
  it.each<[string, Machine]>([
    ['resting', createMachine()],
    ['asking', createMachine().feed({ type: 'start' })],
    ['restarting', createMachine().connect().frame({ type: 'unknown_client' })],
    ['waiting', createMachine().connect().feed(closed(1006))],
    ['refused', createMachine().connect().feed(closed(4401))],
  ])('[CN16] what a socket says means nothing while %s', (_, machine) => {
    const before = machine.state
    machine.take()
    machine
      .feed({ type: 'opened' }, { type: 'bad-frame' }, closed(1006), closed(4409))
      .frame(welcome(), { type: 'pong' }, { type: 'unknown_client' })
    expect([machine.state, machine.take()]).toEqual([before, []])
  })

  it('[CN16] [I32] from wherever any events lead, one try and a healthy server bring the connection and empty the outbox', () => {
    const event = fc.constantFrom<CoreEvent>(
      { type: 'start' },
      { type: 'retry' },
      { type: 'wake' },
      { type: 'presence', visible: false, online: false },
      { type: 'presence', visible: true, online: true },
      credential,
      { type: 'no-credential' },
      { type: 'opened' },
      { type: 'bad-frame' },
      closed(1006),
      closed(4401),
      closed(4409),
      { type: 'store-failed' },
      { type: 'identified', link: 1 },
      { type: 'identified', link: 2 },
      { type: 'subscribe', channel: 'a', cursor: null },
      { type: 'unsubscribe', channel: 'a' },
      { type: 'frame', message: welcome() },
      { type: 'frame', message: { type: 'goodbye', retryMinMs: 0, retryMaxMs: 9_000 } },
      { type: 'frame', message: { type: 'reset', sub: 1, reason: 'hook-failed' } },
      { type: 'frame', message: { type: 'subscribed', sub: 1, head: place(0), verdict: 'start', follows: true } },
      { type: 'frame', message: { type: 'unknown_client' } },
      ...(['handshake', 'retry', 'stable', 'heartbeat', 'pong', 'pace', 'resubscribe'] as const).map((timer): CoreEvent => ({
        type: 'timer',
        timer,
      })),
    )
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const machine = createMachine()
          .append(1, 2)
          .feed({ type: 'start' }, ...events)
        machine.nowMs += 60_000
        if (machine.state.phase.name === 'restarting')
          machine.feed({ type: 'restarted', outbox: { ...machine.state.outbox, client: id('next') } })
        if (machine.state.phase.name === 'live') machine.feed({ type: 'timer', timer: 'heartbeat' }, { type: 'timer', timer: 'pong' })
        if (machine.state.phase.name === 'opening' || machine.state.phase.name === 'greeting')
          machine.feed({ type: 'timer', timer: 'handshake' })
        if (machine.state.phase.name === 'waiting') machine.feed(retryTimer)
        if (machine.state.phase.name === 'refused') machine.feed({ type: 'retry' })
        machine.feed(credential, { type: 'opened' })
        machine.frame(welcome({ client: null }))
        expect(machine.state.phase.name).toBe('live')
        machine.take()
        machine.feed({ type: 'identified', link: machine.state.links }).raised()
        expect(machine.sent()).toMatchObject([{ type: 'send', messages: [{ n: 1 }, { n: 2 }] }])
        machine.frame({ type: 'ack', hi: 2, stable: 2, id: id(2), outcomes: [] })
        expect(machine.state.outbox.entries).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})
