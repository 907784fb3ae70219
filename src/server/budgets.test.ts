import { describe, expect, it } from 'vitest'
import { Chain, Link } from './chain.ts'
import { Fences } from './fences.ts'
import { Flusher } from './flusher.ts'
import { inSlices } from './in-slices.ts'
import { fakeServer, freshId, type FakePeer } from './testing/fake-peer.ts'
import { FakeClock } from './testing/fake-clock.ts'
import type { SubscribeRequest } from '../protocol/index.ts'

const channels = (count: number, from = 1): SubscribeRequest[] =>
  Array.from({ length: count }, (_, at) => ({ sub: from + at, channel: `c${from + at}`, cursor: null }))
const authenticate = ({ credential }: { readonly credential: string | null }): { user: string } => ({ user: credential ?? 'nobody' })

describe('what a socket brings before its hello is answered', () => {
  it('[BU5] is closed with 1009 beyond what a hello may hold, before anything of it is read', async () => {
    const { peer, clock } = fakeServer()
    const large = peer()
    large.text(`{"type":"ping","x":"${'x'.repeat(300_000)}"}`)
    expect(large.closedWith?.code).toBe(1009)
    const pieces = peer()
    for (let at = 0; at < 12; at++) pieces.bytes(16_384)
    expect(pieces.closedWith).toBeUndefined()
    pieces.bytes(16_384)
    expect(pieces.closedWith?.code).toBe(1009)
    await clock.settle()
  })

  it('[BU5] makes who has brought most pay for all, and is counted; who is known brings what he may', async () => {
    const { peer, open, core } = fakeServer({ limits: { waitingBytes: 600_000 } })
    const known = await open()
    const many = Array.from({ length: 6 }, (_, at) => {
      const one = peer()
      one.bytes(at === 2 ? 190_000 : 90_000)
      return one
    })
    const late = await open()
    expect(many.map(({ closedWith }) => closedWith?.code)).toEqual([undefined, undefined, 1013, undefined, undefined, undefined])
    expect([known.closedWith, late.closedWith, core.metrics().totals['dropped.waiting']]).toEqual([undefined, undefined, 1])
    known.bytes(600_000)
    expect(known.closedWith).toBeUndefined()
    for (const one of many) one.drop()
    late.say({ type: 'ping' })
    expect(core.budgets.waiting.taken).toBe(0)
  })

  it('[BU5] is not parsed where it is nested too deeply, not even to look for another version', () => {
    const parse = JSON.parse
    let parsed = 0
    JSON.parse = (...given: Parameters<typeof parse>): unknown => (parsed++, parse(...given))
    const { peer } = fakeServer()
    const deep = peer()
    deep.text(`{"type":"hello","protocol":2,"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)
    JSON.parse = parse
    expect([deep.closedWith?.code, parsed]).toEqual([4400, 0])
  })

  it('[BU6] [P60] a hello is counted by its subscriptions, like any other message', async () => {
    const { open } = fakeServer({ limits: { subscriptionBurst: 1_000, subscriptionsPerSecond: 1 } })
    const [few, many] = [await open({ subscriptions: channels(100) }), await open({ subscriptions: channels(1_001) })]
    expect([few.closedWith, many.closedWith, few.isHeld, many.isHeld]).toEqual([undefined, undefined, false, true])
  })
})

describe('subscriptions', () => {
  it('[BU7] strangers have a pool of their own, and what is read is taken from nobody', async () => {
    const { open, core } = fakeServer({ authenticate, limits: { subscriptions: 400, anonymousPercent: 10 } })
    const strangers = []
    for (let at = 0; at < 4; at++) {
      const user = `m${at}`
      strangers.push(await open({ user, credential: user, subscriptions: channels(30) }))
    }
    expect(strangers.map((peer) => peer.all('refused').length)).toEqual([6, 6, 6, 6])
    const ada = await open({ user: 'ada', credential: 'ada', subscriptions: channels(20) })
    expect(ada.all('refused')).toEqual([])
    expect(core.budgets.subscriptions.taken).toBe(4 * 24 + 20)
    ada.say({ type: 'unsubscribe', subs: [1, 2, 3] })
    strangers[0]?.drop()
    expect(core.budgets.subscriptions.taken).toBe(3 * 24 + 17)
    ada.drop()
    for (const peer of strangers) peer.drop()
    expect(core.budgets.subscriptions.taken).toBe(0)
  })

  it('[BU1] who signs out gives places back once, and has his share and no more', async () => {
    const { open, clock } = fakeServer({ authenticate, limits: { subscriptions: 1_000, sharePercent: 6 } })
    const read = (): Promise<FakePeer> => open({ user: 'ada', credential: 'ada', subscriptions: channels(60) })
    const [leaving, staying] = [await open({ user: 'ada', credential: 'ada' }), await read()]
    leaving.say({ type: 'sign_out' })
    await clock.pass(3_000)
    expect([leaving.closedWith?.code, staying.all('refused')]).toEqual([4410, []])
    expect((await read()).all('refused')).toHaveLength(60)
  })

  it('[BU6] values asked for too often wait for their turn; nobody is closed', async () => {
    let calls = 0
    const { open, clock } = fakeServer({
      limits: { snapshotsPerSecond: 10, channels: 10, framesPerSecond: 1_000 },
      snapshot: () => ++calls,
    })
    const peer = await open({ subscriptions: channels(10) })
    for (let screen = 1; screen < 8; screen++) {
      peer.say({ type: 'unsubscribe', subs: Array.from({ length: 10 }, (_, at) => screen * 10 - 9 + at) })
      peer.say({ type: 'subscribe', subscriptions: channels(10, screen * 10 + 1) })
      await clock.settle()
    }
    expect(calls).toBe(40)
    await clock.pass(1_000)
    expect(calls).toBe(50)
    await clock.pass(3_000)
    expect([peer.closedWith, peer.all('subscribed').filter(({ sub }) => sub > 70)]).toMatchObject([undefined, { length: 10 }])
  })
})

describe('values that nobody waits for any more', () => {
  it.each([50, 0])('[BU6] take nobody his turn, and do not count as channels that are being entered: left after %i ms', async (ms) => {
    let calls = 0
    const { open, clock } = fakeServer({
      limits: { snapshotsPerSecond: 10, channels: 10, framesPerSecond: 1_000 },
      snapshot: () => ++calls,
    })
    const peer = await open({ subscriptions: channels(10) })
    for (let screen = 1; screen <= 50; screen++) {
      peer.say({ type: 'unsubscribe', subs: Array.from({ length: 10 }, (_, at) => screen * 10 - 9 + at) })
      peer.say({ type: 'subscribe', subscriptions: channels(10, screen * 10 + 1) })
      await clock.pass(ms)
    }
    await clock.pass(1_000)
    expect(peer.all('refused')).toEqual([])
    expect(peer.all('subscribed').filter(({ sub }) => sub > 500)).toHaveLength(10)
    expect(calls).toBeLessThan(80)
  })
})

describe('one turn of the event loop', () => {
  it('[BU8] flushes so many sockets, and the rest in those that follow', () => {
    const turns: (() => void)[] = []
    const clock = new FakeClock()
    const flusher = new Flusher({
      nowMs: () => clock.nowMs(),
      wallMs: () => 0,
      setTimer: () => () => {},
      soon: (run) => void turns.push(run),
    })
    let [flushes, ends] = [0, 0]
    const readers = Array.from({ length: 25_000 }, () => ({ wake: () => ({ flush: () => void flushes++ }) }))
    const channel = { isDue: false, readers, flushed: () => void ends++ }
    flusher.changed(channel)
    const seen: number[] = []
    for (let run = turns.shift(); run !== undefined; run = turns.shift()) {
      const before = flushes
      run()
      seen.push(flushes - before)
    }
    expect([flushes, ends, Math.max(...seen)]).toEqual([25_000, 1, 1_000])
  })

  it('[BU8] ends a slow slice by the clock', () => {
    const clock = new FakeClock()
    const turns: (() => void)[] = []
    const flusher = new Flusher({
      nowMs: () => clock.nowMs(),
      wallMs: () => 0,
      setTimer: () => () => {},
      soon: (run) => void turns.push(run),
    })
    let flushes = 0
    for (let at = 0; at < 500; at++) flusher.mark({ flush: () => (flushes++, clock.advance(1)) })
    turns.shift()?.()
    expect(flushes).toBeLessThan(80)
    while (turns.length > 0) turns.shift()?.()
    expect(flushes).toBe(500)
  })

  it('[BU8] looks at so many of all connections, and the rest in those that follow', async () => {
    const clock = new FakeClock()
    const seen: number[] = []
    const ends: string[] = []
    inSlices(
      clock,
      Array.from({ length: 5_000 }, (_, at) => at),
      (some) => void seen.push(some.length),
      () => ends.push('end'),
    )
    expect([seen, ends]).toEqual([[2_000], []])
    await clock.settle()
    expect([seen, ends]).toEqual([[2_000, 2_000, 1_000], ['end']])
  })
})

describe('fences', () => {
  it('[BU9] [BU8] have an end, and the one noted longest ago goes first, so many in one sweep', () => {
    const counted: string[] = []
    const fences = new Fences((name) => counted.push(name))
    const sessions = Array.from({ length: 100_001 }, () => freshId())
    for (const session of sessions) fences.note(session, 2, 1)
    expect([fences.size, counted]).toEqual([100_000, ['dropped.fences']])
    expect(fences.note(sessions[1] ?? '', 1, 2)).toBe(false)
    expect(fences.note(sessions[1] ?? '', 3, 2)).toBe(true)
    fences.sweep(2)
    expect(fences.size).toBe(90_000)
    for (let sweeps = 0; sweeps < 10; sweeps++) fences.sweep(2)
    expect(fences.size).toBe(1)
  })
})

describe('a chain', () => {
  it('[BU2] keeps its order, whatever is moved and taken out', () => {
    const chain = new Chain<number>()
    const links = [0, 1, 2, 3, 4].map((value) => new Link(value))
    for (const link of links) chain.append(link)
    const [a, b, , d, e] = links
    for (const link of [a, b, e]) if (link !== undefined) chain.append(link)
    if (d !== undefined) chain.remove(d)
    if (d !== undefined) chain.remove(d)
    expect([[...chain], chain.first]).toEqual([[2, 0, 1, 4], 2])
    for (const value of chain) for (const link of links) if (link.value === value) chain.remove(link)
    expect(chain.first).toBeUndefined()
  })
})
