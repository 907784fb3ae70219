import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { publicState } from './derive-public-state.ts'
import type { CoreEvent } from './events.ts'
import { id, place, published, restored, welcome } from './testing/frames.ts'
import { createMachine, type Machine } from './testing/machine.ts'

const want = (offset: number | null, channel = 'a'): CoreEvent => ({
  type: 'subscribe',
  channel,
  cursor: offset === null ? null : place(offset),
})

/** Connected, channel `a` under sub 1 from this place, nothing of it looked at yet. */
function asking(offset: number | null): Machine {
  const machine = createMachine().connect().feed(want(offset))
  machine.take()
  return machine
}

/** Connected, channel `a` live at this place under sub 1. */
function live(offset: number): Machine {
  const machine = asking(offset).frame({ type: 'subscribed', sub: 1, head: place(offset), verdict: 'recovered', missed: 0 })
  machine.take()
  return machine
}

/** What the next connection asks for. */
function nextHello(machine: Machine): unknown {
  machine.feed({ type: 'closed', code: 1006 }).connect(restored())
  return machine.take().flatMap((effect) => (effect.type === 'hello' ? effect.hello.subscriptions : []))
}

const channel = (machine: Machine, name = 'a') => machine.state.channels.get(name)

describe('receiving', () => {
  it('[CH1] [I15] [I16] the next messages are handed on in one piece and move the place', () => {
    const machine = live(7).frame({ type: 'messages', batches: [{ sub: 1, messages: published(8, 10) }] })
    expect(machine.told()).toEqual([{ type: 'messages', channel: 'a', messages: published(8, 10), cursor: place(10) }])
    expect(channel(machine)).toMatchObject({ stage: 'live', cursor: place(10) })
  })

  it.each([
    ['a gap', 9, 9],
    ['a repeat', 7, 8],
  ])('[CH1] [P26] [I15] %s hands nothing on and subscribes again from the own place', (_, from, to) => {
    const machine = live(7).frame({ type: 'messages', batches: [{ sub: 1, messages: published(from, to) }] })
    expect(machine.take()).toEqual([
      { type: 'send', lane: 0, text: JSON.stringify({ type: 'subscribe', subscriptions: [{ sub: 2, channel: 'a', cursor: place(7) }] }) },
    ])
    machine.frame({ type: 'subscribed', sub: 2, head: place(9), verdict: 'recovered', missed: 2 })
    machine.frame({ type: 'missed_messages', sub: 2, messages: published(8, 9) })
    expect(machine.told()).toEqual([
      { type: 'recovering', channel: 'a', missed: 2, upTo: 9 },
      { type: 'messages', channel: 'a', messages: published(8, 9), cursor: place(9) },
    ])
  })

  it('[CH1] [I15] [I16] whatever pieces of a log arrive in whatever order, what is handed on has no hole and no repeat', () => {
    const piece = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 5 }))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const machine = live(3)
        for (const [from, more] of pieces) {
          const sub = channel(machine)?.sub ?? 0
          machine.frame({ type: 'messages', batches: [{ sub, messages: published(from, from + more) }] })
          if (channel(machine)?.stage === 'pausing') machine.feed({ type: 'timer', timer: 'resubscribe' })
          const at = channel(machine)
          if (at?.stage === 'asked') {
            machine.frame({ type: 'subscribed', sub: at.sub, head: place(at.cursor?.offset ?? 0), verdict: 'recovered', missed: 0 })
          }
        }
        const offsets = machine.told().flatMap((told) => (told.type === 'messages' ? told.messages.map(({ offset }) => offset) : []))
        expect(offsets).toEqual(offsets.map((_, at) => at + 4))
        expect(machine.state.phase.name).toBe('live')
      }),
    )
  })

  it('[CH2] [P22] frames of a number that was given up are ignored', () => {
    const machine = live(7).feed({ type: 'unsubscribe', channel: 'a' }, want(7))
    expect(machine.sent()).toEqual([
      { type: 'unsubscribe', subs: [1] },
      { type: 'subscribe', subscriptions: [{ sub: 2, channel: 'a', cursor: place(7) }] },
    ])
    machine
      .frame({ type: 'messages', batches: [{ sub: 1, messages: published(8, 8) }] })
      .frame({ type: 'missed_messages', sub: 1, messages: published(8, 8) })
      .frame({ type: 'subscribed', sub: 1, head: place(9), verdict: 'start', follows: true })
      .frame({ type: 'reset', sub: 1, reason: 'epoch' })
      .frame({ type: 'refused', sub: 1, reason: 'limit', message: '' })
    expect(machine.take()).toEqual([])
    expect(channel(machine)).toMatchObject({ stage: 'asked', cursor: place(7) })
  })

  it('[CH2] numbers rise over resubscriptions and connections', () => {
    const machine = live(7).frame({ type: 'messages', batches: [{ sub: 1, messages: published(9, 9) }] })
    expect(nextHello(machine)).toEqual([{ sub: 3, channel: 'a', cursor: place(7) }])
  })

  it('[CH3] [I17] [P23] nothing missed is recovered too', () => {
    const machine = asking(7).frame({ type: 'subscribed', sub: 1, head: place(7), verdict: 'recovered', missed: 0 })
    expect(machine.told()).toEqual([{ type: 'recovering', channel: 'a', missed: 0, upTo: 7 }])
    expect(channel(machine)?.stage).toBe('live')
  })

  it('[CH3] [I17] a channel is up to date only when everything up to the announced head was handed on', () => {
    const machine = asking(7).frame({ type: 'subscribed', sub: 1, head: place(9), verdict: 'recovered', missed: 2 })
    machine.frame({ type: 'missed_messages', sub: 1, messages: published(8, 8) })
    expect(channel(machine)?.stage).toBe('replaying')
    machine.frame({ type: 'missed_messages', sub: 1, messages: published(9, 9) })
    expect(channel(machine)).toMatchObject({ stage: 'live', recovered: 0, missed: 0 })
  })

  it.each([
    ['another epoch', { head: place(9, id('other')), missed: 2 }],
    ['a number that does not add up', { head: place(9), missed: 1 }],
    ['a head behind the place', { head: place(5), missed: 0 }],
  ])('[CH3] [I17] a recovery with %s breaks the protocol', (_, claim) => {
    const machine = asking(7).frame({ type: 'subscribed', sub: 1, verdict: 'recovered', ...claim })
    expect(machine.state.phase).toMatchObject({ name: 'waiting', reason: 'protocol' })
    expect(machine.told()).toEqual([])
  })

  it('[CH4] [P26] a replay that was cut in the middle goes on from its last message, and its figures add up to one verdict', () => {
    const machine = asking(3)
      .frame({ type: 'subscribed', sub: 1, head: place(9), verdict: 'recovered', missed: 6 })
      .frame({ type: 'missed_messages', sub: 1, messages: published(4, 5) })
    expect(nextHello(machine)).toEqual([{ sub: 2, channel: 'a', cursor: place(5) }])
    machine
      .frame({ type: 'subscribed', sub: 2, head: place(10), verdict: 'recovered', missed: 5 })
      .frame({ type: 'missed_messages', sub: 2, messages: published(6, 9) })
    expect(channel(machine)).toMatchObject({ stage: 'replaying', recovered: 6, missed: 7 })
    machine.frame({ type: 'missed_messages', sub: 2, messages: published(10, 10) })
    expect(machine.told()).toEqual([
      { type: 'recovering', channel: 'a', missed: 7, upTo: 10 },
      { type: 'messages', channel: 'a', messages: published(6, 9), cursor: place(9) },
      { type: 'messages', channel: 'a', messages: published(10, 10), cursor: place(10) },
    ])
    expect(channel(machine)).toMatchObject({ stage: 'live', recovered: 0, missed: 0 })
  })

  it('[CH4] live messages count for nothing in the next recovery', () => {
    const machine = live(3).frame({ type: 'messages', batches: [{ sub: 1, messages: published(4, 6) }] })
    nextHello(machine)
    machine.frame({ type: 'subscribed', sub: 2, head: place(7), verdict: 'recovered', missed: 1 })
    expect(machine.told()).toEqual([{ type: 'recovering', channel: 'a', missed: 1, upTo: 7 }])
  })

  it('[CH5] [P24] a lost place is told with what is missing, and a value begins it anew', () => {
    const machine = live(3)
      .frame({ type: 'reset', sub: 1, reason: 'trimmed', from: 4, to: 20 })
      .frame({ type: 'subscribed', sub: 1, head: place(25), verdict: 'snapshot', value: [1], follows: true })
      .frame({ type: 'messages', batches: [{ sub: 1, messages: published(26, 26) }] })
    expect(machine.told()).toEqual([
      { type: 'reset', channel: 'a', reason: 'trimmed', from: 4, to: 20 },
      { type: 'snapshot', channel: 'a', value: [1], cursor: place(25), continues: false },
      { type: 'messages', channel: 'a', messages: published(26, 26), cursor: place(26) },
    ])
  })

  it('[CH5] one loss is told once, though the value needs several tries and connections', () => {
    const machine = live(3)
      .frame({ type: 'reset', sub: 1, reason: 'epoch' })
      .frame({ type: 'reset', sub: 1, reason: 'hook-failed' })
      .feed({ type: 'timer', timer: 'resubscribe' })
      .frame({ type: 'reset', sub: 2, reason: 'too-slow' })
    expect(machine.told().filter(({ type }) => type === 'reset')).toEqual([{ type: 'reset', channel: 'a', reason: 'epoch' }])
    expect(nextHello(machine)).toEqual([{ sub: 3, channel: 'a', cursor: null }])
    machine.frame({ type: 'subscribed', sub: 3, head: place(1, id('new')), verdict: 'start', follows: true })
    expect(machine.told()).toEqual([{ type: 'started', channel: 'a', cursor: place(1, id('new')), continues: false }])
  })

  it('[CH5] [EF6] a newcomer has nothing to lose, and hears why there is nothing to begin with', () => {
    const machine = asking(null).frame({ type: 'reset', sub: 1, reason: 'hook-failed' })
    expect(machine.told()).toEqual([{ type: 'no-value', channel: 'a', reason: 'hook-failed', message: 'tried again' }])
  })

  it('[EF6] [CN14] a channel without a value holds up no other, however often it is asked for', () => {
    const status = (of: Machine): string => publicState(of.state, { durable: true, shared: true }).status
    const machine = asking(null).feed(want(null, 'b'))
    machine.frame({ type: 'subscribed', sub: 2, head: place(1), verdict: 'start', follows: true })
    expect(status(machine)).toBe('recovering')
    for (let sub = 1; sub <= 5; sub++) {
      machine.frame({ type: 'reset', sub: sub === 1 ? 1 : sub + 1, reason: 'hook-failed' })
      expect(status(machine)).toBe('connected')
      machine.feed({ type: 'timer', timer: 'resubscribe' })
      expect(status(machine)).toBe('connected')
    }
  })

  it('[EF6] a value that was asked for and cannot be had disturbs nothing', () => {
    const machine = live(3)
    const before = channel(machine)
    machine.frame({ type: 'no_value', sub: 1, reason: 'too-large', message: 'fits no frame' })
    expect(machine.told()).toEqual([{ type: 'no-value', channel: 'a', reason: 'too-large', message: 'fits no frame' }])
    machine.frame({ type: 'no_value', sub: 99, reason: 'too-large', message: 'of a number that was given up' })
    expect([machine.told(), channel(machine)]).toEqual([[], before])
  })

  it('[CH6] [P27] a value that could not be had is asked for again with backoff', () => {
    const machine = asking(null)
    const pauses: unknown[] = []
    for (let sub = 1; sub <= 4; sub++) {
      machine.frame({ type: 'reset', sub, reason: sub % 2 ? 'hook-failed' : 'too-slow' })
      pauses.push(...machine.take().filter(({ type }) => type !== 'tell'))
      machine.feed({ type: 'timer', timer: 'resubscribe' })
      expect(machine.sent()).toEqual([{ type: 'subscribe', subscriptions: [{ sub: sub + 1, channel: 'a', cursor: null }] }])
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000].map((delayMs) => ({ type: 'set-timer', timer: 'resubscribe', delayMs })))
  })

  it.each<[string, 'snapshot' | 'start']>([
    ['a value', 'snapshot'],
    ['a start', 'start'],
  ])('[CH7] [I15] %s that would replace a place without a word breaks the protocol', (_, verdict) => {
    const head = place(20)
    const answer = verdict === 'start' ? { verdict, follows: true } : { verdict, value: 1, follows: true }
    const machine = asking(7).frame({ type: 'subscribed', sub: 1, head, ...answer })
    expect([machine.state.phase.name, machine.told()]).toEqual(['waiting', []])
    const newcomer = asking(null).frame({ type: 'subscribed', sub: 1, head, ...answer })
    expect([newcomer.state.phase.name, channel(newcomer)?.cursor]).toEqual(['live', head])
  })

  it('[CH7] messages before the verdict break the protocol, and nothing more of the frame counts', () => {
    const machine = live(7).feed(want(1, 'b'))
    machine.take()
    const batches = [
      { sub: 2, messages: published(2, 2) },
      { sub: 1, messages: published(8, 8) },
    ]
    machine.frame({ type: 'messages', batches })
    expect(machine.told()).toEqual([])
    expect(machine.state).toMatchObject({ attempt: 1, phase: { name: 'waiting', reason: 'protocol' } })
  })

  it('[CH8] [P28] asking for a value of a live channel leaves the subscription as it is', () => {
    const machine = live(7).feed({ type: 'want-snapshot', channel: 'a', from: 7 })
    expect(machine.sent()).toEqual([{ type: 'snapshot_request', sub: 1, from: 7 }])
    const before = channel(machine)
    machine.frame({ type: 'subscribed', sub: 1, head: place(7), verdict: 'snapshot', value: 'v', follows: false })
    machine.frame({ type: 'subscribed', sub: 1, head: place(7), verdict: 'start', follows: false })
    expect(machine.told()).toEqual([
      { type: 'snapshot', channel: 'a', value: 'v', cursor: place(7), continues: true },
      { type: 'started', channel: 'a', cursor: place(7), continues: true },
    ])
    expect(channel(machine)).toBe(before)
  })

  it('[CH8] a value of an epoch that is over is not told', () => {
    const machine = live(7)
    machine.frame({ type: 'subscribed', sub: 1, head: place(7, id('old')), verdict: 'snapshot', value: 'v', follows: false })
    expect(machine.told()).toEqual([])
  })

  it('[CH8] no value is asked for where one is coming anyway, or where there is no connection', () => {
    const machine = asking(null).feed({ type: 'want-snapshot', channel: 'a', from: 0 }, { type: 'want-snapshot', channel: 'b', from: 0 })
    expect(machine.take()).toEqual([])
    const waiting = live(7).feed({ type: 'closed', code: 1006 })
    waiting.take()
    expect(waiting.feed({ type: 'want-snapshot', channel: 'a', from: 7 }).take()).toEqual([])
  })

  it('[CH9] [P29] a refused channel leaves the others alone, and is asked for when it is wanted again and with the next hello', () => {
    const machine = live(7).feed(want(1, 'b')).frame({ type: 'refused', sub: 2, reason: 'forbidden', message: 'no' })
    expect(machine.told()).toEqual([{ type: 'refused', channel: 'b', reason: 'forbidden', message: 'no' }])
    machine.frame({ type: 'messages', batches: [{ sub: 1, messages: published(8, 8) }] }).feed(want(5, 'b'))
    expect(machine.sent()).toEqual([{ type: 'subscribe', subscriptions: [{ sub: 3, channel: 'b', cursor: place(1) }] }])
    machine.frame({ type: 'refused', sub: 3, reason: 'limit', message: 'no' })
    expect(nextHello(machine)).toEqual([
      { sub: 4, channel: 'a', cursor: place(8) },
      { sub: 5, channel: 'b', cursor: place(1) },
    ])
  })

  it('[CH10] what is wanted while not connected goes with the next hello; wanting it twice changes nothing', () => {
    const machine = createMachine().feed(want(4), want(9), want(null, 'b'), { type: 'unsubscribe', channel: 'b' })
    expect(machine.take()).toEqual([])
    machine.connect()
    expect(machine.take()).toContainEqual(
      expect.objectContaining({
        type: 'hello',
        hello: expect.objectContaining({ subscriptions: [{ sub: 3, channel: 'a', cursor: place(4) }] }),
      }),
    )
  })

  it('[CH10] [I32] what is wanted or given up between hello and its answer is said after the answer', () => {
    const machine = createMachine().feed(want(4), want(1, 'b'))
    machine.feed({ type: 'start' }, { type: 'credential', credential: null }, { type: 'opened' })
    machine.feed({ type: 'unsubscribe', channel: 'b' }, want(null, 'c'))
    expect(machine.sent()).toEqual([])
    machine.frame(welcome())
    expect(machine.sent()).toEqual([
      { type: 'unsubscribe', subs: [4] },
      { type: 'subscribe', subscriptions: [{ sub: 5, channel: 'c', cursor: null }] },
    ])
  })
})
