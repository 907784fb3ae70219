import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS } from '../protocol/limits.ts'
import type { Ack } from '../protocol/messages.ts'
import { buryNumbers, restartOutbox } from './outbox.ts'
import { possiblySentThrough, whyDropped } from './sending.ts'
import { CLIENT, id, LEDGER, restored, settings, welcome } from './testing/frames.ts'
import { createMachine, type Machine } from './testing/machine.ts'

const numbers = (frames: readonly unknown[]): unknown[] =>
  frames.map((frame) => {
    const { type, messages, numbers: skipped } = frame as { type: string; messages?: { n: number }[]; numbers?: { n: number }[] }
    return [type, ...(messages ?? skipped ?? []).map(({ n }) => n)]
  })
const ack = (hi: number, stable: number, changes: Partial<Ack> = {}): Ack => ({
  type: 'ack',
  hi,
  stable,
  id: stable === 0 ? '' : id(stable),
  outcomes: [],
  ...changes,
})
const limited = (changes: Partial<typeof DEFAULT_LIMITS>): Machine =>
  createMachine().identify(welcome({ limits: { ...DEFAULT_LIMITS, ...changes } }))
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at)

/** Connected, with these messages sent. */
function sending(...names: readonly (string | number)[]): Machine {
  const machine = createMachine()
    .identify()
    .append(...names)
  machine.take()
  return machine
}

describe('sending', () => {
  it('[OB19] a message that fits no frame ends here, and what is behind it goes on', () => {
    const machine = limited({ frameBytes: 4_096 })
    const large = { id: id('large'), channel: 'a', json: JSON.stringify('é'.repeat(2_000)), atMs: 0 }
    machine.feed({ type: 'appended', client: CLIENT, entries: [{ ...large, n: 1 }], sent: true })
    expect(machine.effects.filter(({ type }) => type === 'reject-too-large')).toEqual([{ type: 'reject-too-large', n: 1 }])
    machine
      .append(2)
      .raised()
      .feed({ type: 'buried', client: CLIENT, numbers: [1], why: 'too-large' })
    expect(numbers(machine.sent().filter((frame) => (frame as { type: string }).type !== 'hello'))).toEqual([
      ['skip', 1],
      ['send', 2],
    ])
  })

  it('[OB2] a mark is stored before the first byte of what waited goes out', () => {
    const machine = createMachine().append(1, 2).identify()
    expect(machine.effects.filter(({ type }) => type === 'send' || type === 'raise-sent-through')).toEqual([
      { type: 'raise-sent-through', n: 2 },
    ])
    machine.raised()
    expect(numbers(machine.sent())).toEqual([['send', 1, 2]])
    expect(machine.state.outbox.sentThrough).toBe(2)
  })

  it('[OB2] what is stored while everything else has left counts as sent in its own commit, and leaves at once', () => {
    const machine = createMachine().identify()
    machine.take()
    machine.append('x')
    expect(machine.take()).toEqual([
      {
        type: 'send',
        lane: 1,
        text: `{"type":"send","confirmed":0,"messages":[{"n":1,"id":"${id('x')}","channel":"agents","data":"x"}]}`,
      },
      { type: 'tell', told: { type: 'sent', ids: [id('x')] } },
    ])
  })

  it('[OB2] [CN10] nothing is sent, and nothing counts as sent, before the answer to hello is stored', () => {
    const machine = createMachine().append(1).connect().append(2)
    expect(machine.sent()).toEqual([])
    expect(machine.state.outbox.sentThrough).toBe(0)
    machine.feed({ type: 'identified', link: 1 })
    expect(machine.take()).toContainEqual({ type: 'raise-sent-through', n: 2 })
  })

  it('[OB2] a mark that is being stored when the socket drops counts for the next connection', () => {
    const machine = createMachine().append(1, 2).identify()
    machine.feed({ type: 'closed', code: 1006 }).raised()
    machine.take()
    machine.identify(restored())
    expect(machine.effects.filter(({ type }) => type === 'raise-sent-through')).toEqual([])
    expect(numbers(machine.sent())).toEqual([['send', 1, 2]])
  })

  it('[OB3] [I2] [P15] a message is deleted only by a stable ack with its own id', () => {
    const machine = sending(1, 2, 3).frame(ack(2, 0))
    expect(machine.state.outbox.entries.map(({ n }) => n)).toEqual([1, 2, 3])
    machine.frame(ack(2, 2))
    expect(machine.state.outbox).toMatchObject({ acked: 2, ackedId: id(2), entries: [{ n: 3 }] })
    machine.frame(ack(3, 3, { id: id('x') }))
    expect(machine.state.outbox.entries.map(({ n }) => n)).toEqual([3])
    expect(machine.take()).toContainEqual({ type: 'restart', why: 'other-id' })
  })

  it('[OB4] [I10] [P15] an ack beyond what may have been sent ends the connection and deletes nothing', () => {
    const machine = createMachine()
      .append(1, 2, 3)
      .identify(welcome({ limits: { ...DEFAULT_LIMITS, sendWindow: 1 } }))
      .raised()
    machine.take()
    machine.frame(ack(2, 2))
    expect(machine.take()).toContainEqual({ type: 'close', code: 4400, reason: 'protocol' })
    expect(machine.state).toMatchObject({ phase: { name: 'waiting', reason: 'protocol' }, outbox: { acked: 0, entries: [{}, {}, {}] } })
  })

  it('[OB13] fates are told once when committed, in order, and stored when stable', () => {
    const machine = sending('a', 'b', 'c', 'd')
    machine.frame(
      ack(3, 1, {
        id: id('a'),
        outcomes: [
          { n: 2, rejected: 'rejected', message: 'too long' },
          { n: 3, reply: { ok: true } },
        ],
      }),
    )
    const fates = [
      { id: id('a'), fate: 'applied' },
      { id: id('b'), fate: 'rejected', reason: 'rejected', message: 'too long' },
      { id: id('c'), fate: 'applied', replyJson: '{"ok":true}' },
    ]
    expect(machine.take()).toEqual([
      { type: 'tell', told: { type: 'fates', fates } },
      { type: 'settle', through: 1, id: id('a'), fates: [fates[0]] },
    ])
    machine.frame(ack(3, 3, { id: id('c') }))
    expect(machine.take()).toEqual([{ type: 'settle', through: 3, id: id('c'), fates: fates.slice(1) }])
  })

  it('[OB13] only what the store has settled is confirmed to the server', () => {
    const machine = sending(1).frame(ack(1, 1)).append(2)
    expect(machine.sent()).toMatchObject([{ confirmed: 0 }])
    machine.feed({ type: 'settled', client: CLIENT, through: 1 }).append(3)
    expect(machine.sent()).toMatchObject([{ confirmed: 1 }])
    machine.feed({ type: 'closed', code: 1006 }).connect(restored({ client: { hi: 1, id: id(1) } }))
    expect(machine.take()).toContainEqual(expect.objectContaining({ hello: expect.objectContaining({ confirmed: 1 }) }))
  })

  it('[OB13] [P17] outcomes that were owed when the connection was lost are told after it is resumed', () => {
    const machine = sending('a', 'b').feed({ type: 'closed', code: 1006 })
    machine.identify(restored({ client: { hi: 2, id: id('b') } }))
    machine.take()
    machine.frame(ack(2, 2, { id: id('b'), outcomes: [{ n: 1, rejected: 'failed', message: 'boom' }] }))
    expect(machine.told()).toEqual([
      {
        type: 'fates',
        fates: [
          { id: id('a'), fate: 'rejected', reason: 'failed', message: 'boom' },
          { id: id('b'), fate: 'applied' },
        ],
      },
    ])
    expect(machine.state.outbox.entries).toEqual([])
  })

  it('[CN10] [OB4] what the server has committed counts as sent, even where this store does not know that it left', () => {
    const machine = createMachine()
      .append(1)
      .identify(welcome({ client: { hi: 1, id: id(1) } }))
      .frame(ack(1, 1))
    expect(machine.state).toMatchObject({ phase: { name: 'live' }, outbox: { acked: 1, entries: [] } })
  })

  it('[OB13] [I6] after a lost ack the unconfirmed messages are sent again under their numbers, from the first the server does not have', () => {
    const machine = sending(1, 2, 3, 4).feed({ type: 'closed', code: 1006 })
    machine.identify(restored({ client: { hi: 2, id: id(2) } }))
    expect(numbers(machine.sent())).toEqual([['send', 3, 4]])
  })

  it('[OB9] [I8] messages and tombstones leave in the order of their numbers, in runs', () => {
    const machine = createMachine().append(...range(1, 6))
    machine.feed({ type: 'buried', client: CLIENT, numbers: [2, 3, 6], why: 'cancelled' })
    machine.identify().raised()
    const frames = machine.sent()
    expect(numbers(frames)).toEqual([
      ['send', 1],
      ['skip', 2, 3],
      ['send', 4, 5],
      ['skip', 6],
    ])
    expect(frames[1]).toEqual({
      type: 'skip',
      numbers: [
        { n: 2, id: id(2) },
        { n: 3, id: id(3) },
      ],
    })
    machine.frame(ack(6, 6, { outcomes: [2, 3, 6].map((n) => ({ n, skipped: true })) }))
    expect(machine.told()).toMatchObject([{ fates: [{ id: id(1) }, { id: id(4) }, { id: id(5) }] }])
  })

  it('[OB10] [P16] no more than the window is on its way above the last ack', () => {
    const machine = createMachine()
      .append(...range(1, 7))
      .identify(welcome({ limits: { ...DEFAULT_LIMITS, sendWindow: 3 } }))
      .raised()
    expect(numbers(machine.sent())).toEqual([['send', 1, 2, 3]])
    machine.frame(ack(2, 0)).raised()
    expect(numbers(machine.sent())).toEqual([['send', 4, 5]])
    machine.frame(ack(5, 5)).raised()
    expect(numbers(machine.sent())).toEqual([['send', 6, 7]])
  })

  it('[OB11] [P16] frames leave at half the announced rate, whatever the clock does', () => {
    const machine = createMachine().append(...range(1, 10))
    machine.feed({ type: 'buried', client: CLIENT, numbers: [2, 4, 6, 8, 10], why: 'cancelled' })
    machine.identify(welcome({ limits: { ...DEFAULT_LIMITS, framesPerSecond: 8 } })).raised()
    expect(machine.effects).toContainEqual({ type: 'set-timer', timer: 'pace', delayMs: 250 })
    expect(machine.sent()).toHaveLength(4)
    machine.nowMs += 500
    expect(machine.feed({ type: 'timer', timer: 'pace' }).sent()).toHaveLength(2)
    machine.nowMs -= 86_400_000
    expect(machine.feed({ type: 'timer', timer: 'pace' }).sent()).toHaveLength(0)
    machine.nowMs += 250
    expect(machine.feed({ type: 'timer', timer: 'pace' }).sent()).toHaveLength(1)
    machine.nowMs += 86_400_000
    expect(machine.feed({ type: 'timer', timer: 'pace' }).sent()).toHaveLength(3)
    expect(machine.feed({ type: 'timer', timer: 'pace' }).take()).toEqual([])
  })

  it('[OB11] [I32] a server that allows one frame a second is still sent everything', () => {
    const machine = createMachine().append(1, 2)
    machine.feed({ type: 'buried', client: CLIENT, numbers: [2], why: 'cancelled' })
    machine.identify(welcome({ limits: { ...DEFAULT_LIMITS, framesPerSecond: 1 } })).raised()
    expect(numbers(machine.sent())).toEqual([['send', 1]])
    machine.nowMs += 2_000
    expect(numbers(machine.feed({ type: 'timer', timer: 'pace' }).sent())).toEqual([['skip', 2]])
  })

  it('[OB11] a frame is filled to a quarter of what the server takes, and holds one message at least', () => {
    const machine = createMachine()
    const entries = [400, 400, 400, 5_000, 2].map((size, at) => ({
      n: at + 1,
      id: id(at + 1),
      channel: 'a',
      json: `"${'x'.repeat(size - 2)}"`,
      atMs: 0,
    }))
    machine.feed({ type: 'appended', client: CLIENT, entries, sent: false })
    machine.identify(welcome({ limits: { ...DEFAULT_LIMITS, frameBytes: 6_000 } })).raised()
    expect(numbers(machine.sent())).toEqual([
      ['send', 1, 2],
      ['send', 3],
      ['send', 4],
      ['send', 5],
    ])
  })

  it('[OB19] a volatile message that fits no frame is dropped, and the socket lives', () => {
    const machine = limited({ frameBytes: 4_096 })
    machine.take()
    const frame = `"${'x'.repeat(5_000)}"`
    expect(machine.feed({ type: 'volatile', frame, count: 1 }).take()).toEqual([])
    expect(whyDropped(machine.state, frame, 1, machine.nowMs)).toMatchObject({ code: 'dropped' })
  })

  it('[OB11] [P18] a volatile message takes its share of the rate, and is dropped where that is spent', () => {
    const machine = limited({ framesPerSecond: 4 })
    const volatile = { type: 'volatile', frame: '{"type":"volatile","messages":[]}', count: 1 } as const
    machine.take()
    const why = (): string | undefined => whyDropped(machine.state, volatile.frame, 1, machine.nowMs)?.code
    expect(why()).toBeUndefined()
    machine.feed(volatile, volatile, volatile)
    expect(machine.sent()).toHaveLength(2)
    expect(why()).toBe('dropped')
    machine.append(1)
    machine.nowMs += 500
    expect(machine.feed(volatile).sent()).toEqual([])
    expect(why()).toBe('dropped')
    expect(numbers(machine.feed({ type: 'timer', timer: 'pace' }).sent())).toEqual([['send', 1]])
    expect(createMachine().feed(volatile).take()).toEqual([])
    expect(whyDropped(createMachine().state, volatile.frame, 1, machine.nowMs)).toMatchObject({ code: 'not-connected' })
    expect(whyDropped(createMachine().connect().feed({ type: 'sign-out' }).state, volatile.frame, 1, machine.nowMs)).toMatchObject({
      code: 'not-connected',
    })
  })

  it('[OB12] [P13] `expected` goes back to the number the server wants', () => {
    const machine = sending(1, 2, 3).frame({ type: 'expected', n: 2 })
    expect(numbers(machine.sent())).toEqual([['send', 2, 3]])
  })

  it.each([
    ['a number that is no longer held', 1, 'server-went-back'],
    ['a number beyond the next of what ever left', 4, 'store-went-back'],
  ])('[OB12] [P20] `expected` for %s restarts the outbox', (_, n, why) => {
    const machine = sending(1, 2).frame(ack(1, 1))
    machine.feed({ type: 'appended', client: CLIENT, entries: [{ n: 3, id: id(3), channel: 'a', json: '3', atMs: 0 }], sent: false })
    machine.state = { ...machine.state, outbox: { ...machine.state.outbox, sentThrough: 2 } }
    machine.take()
    expect(machine.frame({ type: 'expected', n }).take()).toContainEqual({ type: 'restart', why })
  })

  it.each([
    ['conflict', { type: 'conflict', n: 1 } as const, 'conflict'],
    ['unknown_client', { type: 'unknown_client' } as const, 'forgotten'],
  ])('[OB5] [P20] [I12] `%s` restarts the outbox', (_, frame, why) => {
    const effects = sending(1).frame(frame).take()
    expect(effects).toContainEqual({ type: 'restart', why })
    expect(effects[0]).toMatchObject({ type: 'close' })
  })

  it('[OB7] [P19] [P20] the server is asked before anything is sent, and the answer is stored before that', () => {
    const before = { ...createMachine().append(1, 2, 3).state.outbox, sentThrough: 2, ledger: LEDGER }
    const machine = createMachine(settings(), restartOutbox(before, id('next'), 'possibly-sent')).identify()
    expect(machine.sent()).toEqual([{ type: 'recall', client: CLIENT, ids: [id(1), id(2)] }])
    machine.append(4)
    expect(machine.state.outbox.sentThrough).toBe(0)
    machine.frame({ type: 'recalled', client: CLIENT, fates: [{ id: id(1), fate: 'applied', reply: 7 }] })
    const fates = [{ id: id(1), fate: 'applied' as const, replyJson: '7' }]
    const asked = [id(1), id(2)]
    expect(machine.take()).toEqual([
      { type: 'store-recalled', client: CLIENT, asked, fates, link: 1 },
      { type: 'tell', told: { type: 'fates', fates } },
    ])
    machine.feed({ type: 'recalled', client: CLIENT, asked, fates, hold: false }, { type: 'identified', link: 1 }).raised()
    expect(machine.sent()).toMatchObject([
      { type: 'skip', numbers: [{ n: 1, id: id(1) }] },
      {
        type: 'send',
        messages: [
          { n: 2, id: id(2), mayRepeat: true },
          { n: 3, id: id(3) },
          { n: 4, id: id(4) },
        ],
      },
    ])
  })

  it('[OB7] at most 1,000 messages are asked about at a time', () => {
    const before = { ...createMachine().append(...range(1, 1_500)).state.outbox, sentThrough: 1_500 }
    const machine = createMachine(settings(), restartOutbox(before, id('next'), 'all')).identify()
    const asked = range(1, 1_000).map(id)
    expect(machine.sent()).toEqual([{ type: 'recall', client: CLIENT, ids: asked }])
    machine.frame({ type: 'recalled', client: CLIENT, fates: [] })
    machine.feed({ type: 'recalled', client: CLIENT, asked, fates: [], hold: false }, { type: 'identified', link: 1 })
    expect(machine.sent()).toEqual([{ type: 'recall', client: CLIENT, ids: range(1_001, 1_500).map(id) }])
  })

  it('[OB22] [I10] a number the server skipped is never told as applied: an earlier hub buried it and ended before that was stored', () => {
    const machine = sending(1, 2).raised()
    machine.frame(ack(2, 2, { outcomes: [{ n: 1, skipped: true }] }))
    expect(machine.told()).toMatchObject([
      {
        fates: [
          { id: id(1), fate: 'cancelled' },
          { id: id(2), fate: 'applied' },
        ],
      },
    ])
  })

  it('[OB7] a message the server knows as skipped was buried before the store went back, and stays buried', () => {
    const before = { ...createMachine().append(1).state.outbox, sentThrough: 1 }
    const machine = createMachine(settings(), restartOutbox(before, id('next'), 'all')).identify()
    machine.take()
    machine.frame({ type: 'recalled', client: CLIENT, fates: [{ id: id(1), fate: 'skipped' }] })
    expect(machine.told()).toEqual([{ type: 'fates', fates: [{ id: id(1), fate: 'cancelled' }] }])
  })

  it('[OB7] [OB14] what was cancelled while the answer was being stored stays cancelled', () => {
    const before = { ...createMachine().append(1, 2).state.outbox, sentThrough: 1 }
    const machine = createMachine(settings(), restartOutbox(before, id('next'), 'possibly-sent')).identify()
    machine.frame({ type: 'recalled', client: CLIENT, fates: [] })
    machine.feed({ type: 'buried', client: id('next'), numbers: [2], why: 'cancelled' })
    machine.take()
    machine.feed({ type: 'recalled', client: CLIENT, asked: [id(1)], fates: [], hold: false }, { type: 'identified', link: 1 }).raised()
    expect(numbers(machine.sent())).toEqual([
      ['send', 1],
      ['skip', 2],
    ])
  })

  it('[OB18] answers of the store about an earlier client id or connection change nothing', () => {
    const machine = createMachine(settings(), { ...createMachine().append(1).state.outbox, client: id('next') }).connect()
    machine.take()
    machine.feed(
      { type: 'appended', client: CLIENT, entries: [{ n: 2, id: id(2), channel: 'a', json: '2', atMs: 0 }], sent: true },
      { type: 'sent-through', client: CLIENT, n: 9 },
      { type: 'settled', client: CLIENT, through: 9 },
      { type: 'buried', client: CLIENT, numbers: [1], why: 'expired' },
      { type: 'identified', link: 0 },
    )
    expect(machine.take()).toEqual([])
    expect(machine.state).toMatchObject({ confirmed: 0, outbox: { next: 2, sentThrough: 0, entries: [{ n: 1, json: '1' }] } })
  })

  it('[OB14] what is being marked as sent counts as possibly sent already', () => {
    const machine = createMachine().append(1, 2)
    expect(possiblySentThrough(machine.state)).toBe(0)
    expect(possiblySentThrough(machine.identify().state)).toBe(2)
  })

  it('[OB9] an outbox of tombstones only is sent and told to nobody', () => {
    const outbox = buryNumbers(createMachine().append(1).state.outbox, [1], 'expired')
    const machine = createMachine(settings(), outbox).identify().raised().frame(ack(1, 1))
    expect(machine.told()).toEqual([])
    expect(machine.state.outbox.entries).toEqual([])
  })
})

describe('what a server announces of a rate', () => {
  it('[OB32] [P60] messages leave at the announced rate, once the burst is spent', () => {
    const machine = createMachine().append(...range(1, 30))
    const limits = { ...DEFAULT_LIMITS, sendWindow: 10, messageBurst: 10, messagesPerSecond: 5 }
    machine.identify(welcome({ limits })).raised()
    expect(numbers(machine.sent())).toEqual([['send', ...range(1, 10)]])
    machine.frame(ack(10, 10)).raised()
    expect(machine.effects).toContainEqual({ type: 'set-timer', timer: 'pace', delayMs: 200 })
    expect(machine.sent()).toEqual([])
    machine.nowMs += 2_000
    expect(numbers(machine.feed({ type: 'timer', timer: 'pace' }).sent())).toEqual([['send', ...range(11, 20)]])
  })

  it('[OB32] [P60] no frame holds more messages than are left of the rate, queued ones or volatile ones', () => {
    const machine = createMachine().append(...range(1, 30))
    const limits = { ...DEFAULT_LIMITS, sendWindow: 10, messageBurst: 10, messagesPerSecond: 5 }
    machine.identify(welcome({ limits })).raised().frame(ack(10, 10)).raised().take()
    machine.nowMs += 600
    const frame = '{"type":"volatile","messages":[]}'
    expect(whyDropped({ ...machine.state, outbox: { ...machine.state.outbox, sentThrough: 10 } }, frame, 3, machine.nowMs)).toBeNull()
    expect(whyDropped({ ...machine.state, outbox: { ...machine.state.outbox, sentThrough: 10 } }, frame, 4, machine.nowMs)).toMatchObject({
      code: 'dropped',
    })
    expect(numbers(machine.feed({ type: 'timer', timer: 'pace' }).sent())).toEqual([['send', ...range(11, 13)]])
  })

  it('[OB32] [P60] more volatile messages at a time than the burst are dropped', () => {
    const machine = limited({ messageBurst: 10 })
    const frame = '{"type":"volatile","messages":[]}'
    expect(whyDropped(machine.state, frame, 10, machine.nowMs)).toBeNull()
    expect(whyDropped(machine.state, frame, 11, machine.nowMs)).toMatchObject({ code: 'dropped' })
    machine.feed({ type: 'volatile', frame, count: 10 })
    expect(whyDropped(machine.state, frame, 1, machine.nowMs + 1_000)).toBeNull()
    expect(whyDropped(machine.state, frame, 1, machine.nowMs)).toMatchObject({ code: 'dropped' })
  })

  it('[OB33] [P62] what is confirmed is told when the server waits for it, though there is nothing to send', () => {
    const machine = createMachine().append(...range(1, 10))
    machine.identify(welcome({ limits: { ...DEFAULT_LIMITS, sendWindow: 10, unconfirmed: 10 } })).raised()
    machine.take()
    machine.frame(ack(4, 4)).take()
    expect(machine.feed({ type: 'settled', client: CLIENT, through: 4 }).sent()).toEqual([{ type: 'send', confirmed: 4, messages: [] }])
    expect(machine.feed({ type: 'settled', client: CLIENT, through: 4 }).sent()).toEqual([])
  })

  it('[OB33] [P62] replies that fill half of what the server keeps are confirmed at once, others with the next message', () => {
    const machine = createMachine().append(...range(1, 10))
    machine.identify(welcome({ limits: { ...DEFAULT_LIMITS, replyBytes: 10_000 } })).raised()
    machine.take()
    const reply = (n: number, length: number): void => {
      machine.frame({ ...ack(n, n), outcomes: [{ n, reply: 'r'.repeat(length) }] }).take()
    }
    reply(1, 4_000)
    expect(machine.feed({ type: 'settled', client: CLIENT, through: 1 }).sent()).toEqual([])
    reply(2, 4_000)
    reply(3, 4_000)
    // Not all that has come is stored yet: what is left still counts.
    expect(machine.feed({ type: 'settled', client: CLIENT, through: 2 }).sent()).toMatchObject([{ confirmed: 2 }])
    expect(machine.feed({ type: 'settled', client: CLIENT, through: 3 }).sent()).toMatchObject([{ confirmed: 3 }])
    reply(4, 4_000)
    expect(machine.feed({ type: 'settled', client: CLIENT, through: 4 }).sent()).toEqual([])
  })
})
