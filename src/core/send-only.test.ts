import { describe, expect, it } from 'vitest'
import { CLOSE } from '../protocol/close-codes.ts'
import { DEFAULT_LIMITS } from '../protocol/limits.ts'
import type { Ack, ServerMessage } from '../protocol/messages.ts'
import { noteRestart } from './notices.ts'
import { appendMessages, emptyOutbox, settleThrough } from './outbox.ts'
import type { OutboxEntry, OutboxState } from './ports.ts'
import { CLIENT, SENDER, id, LEDGER, message, sendOnlyAnswer, settings, welcome } from './testing/frames.ts'
import { createHost, type Host } from './testing/host.ts'
import { createMachine, type Machine } from './testing/machine.ts'
import { createStoreDouble, type StoreDouble } from './testing/store-double.ts'

const TOKEN = 'outbox.token'
const DAY_MS = 86_400_000

const ack = (hi: number, changes: Partial<Ack> = {}): Ack => ({ type: 'ack', hi, stable: hi, id: id(hi), outcomes: [], ...changes })

/** An outbox of an earlier hub, with `count` messages that were never sent. */
function outboxOf(count: number, change: (entry: OutboxEntry) => OutboxEntry = (entry) => entry): OutboxState {
  const messages = Array.from({ length: count }, (_, at) => message(at + 1))
  const outbox = appendMessages({ ...emptyOutbox(CLIENT, SENDER), ledger: LEDGER }, messages, false, 1_000_000)
  return { ...outbox, entries: outbox.entries.map(change) }
}

function storeOf(outbox: OutboxState): StoreDouble {
  return Object.assign(createStoreDouble(), { outbox })
}

function machineOf(outbox: OutboxState): Machine {
  return createMachine(settings({ reconnect: { maxAttempts: 3 } }), outbox, TOKEN)
}

function hostOf(store: StoreDouble): Host {
  const host = createHost({ store, sendOnly: TOKEN, settings: settings({ reconnect: { maxAttempts: 3 } }) })
  host.runtime.dispatch({ type: 'start' })
  return host
}

/** How it ended; the phase's name while it has not. */
function endOf({ state: { phase } }: Pick<Machine, 'state'>): string {
  return phase.name === 'ended' ? `${phase.end}: ${phase.why}` : phase.name
}

describe('a machine that only sends', () => {
  it('[OB27] says hello with its token alone, and asks nobody for a credential', async () => {
    const host = hostOf(storeOf(outboxOf(1)))
    await host.settle()
    host.sockets.last().listener.opened()
    expect(host.sockets.last().received).toEqual([
      {
        type: 'hello',
        protocol: 1,
        client: CLIENT,
        sender: SENDER,
        features: ['parts'],
        confirmed: 0,
        user: 'ada',
        session: null,
        credential: null,
        subscriptions: [],
        outboxToken: TOKEN,
      },
    ])
  })

  it('[OB27] [OB2] [OB9] marks, sends in order, stores what became of it, and has nothing more to do when nothing is left', async () => {
    const store = storeOf(outboxOf(3, (entry) => (entry.n === 2 ? { ...entry, json: '', skip: 'cancelled' } : entry)))
    const host = hostOf(store)
    await host.answer(sendOnlyAnswer())
    const { received, send } = host.sockets.last()
    expect(store.calls.slice(0, 2)).toEqual(['saveIdentity', 'raiseSentThrough'])
    expect(store.identity).toEqual({ ledger: LEDGER, since: 0, sentThrough: 0 })
    expect(received.slice(1)).toMatchObject([
      { type: 'send', messages: [{ n: 1, id: id(1) }] },
      { type: 'skip', numbers: [{ n: 2, id: id(2) }] },
      { type: 'send', messages: [{ n: 3, id: id(3) }] },
    ])
    expect(endOf(host.runtime)).toBe('live')
    send(
      ack(3, {
        outcomes: [
          { n: 1, reply: { ok: true } },
          { n: 2, skipped: true },
          { n: 3, rejected: 'rejected', message: 'no' },
        ],
      }),
    )
    expect(endOf(host.runtime)).toBe('live')
    await host.settle()
    expect(endOf(host.runtime)).toBe('sent: all')
    expect(host.sockets.last().closedWith).toBe(1000)
    expect(store.outbox.entries).toEqual([])
    expect([...store.fates.values()]).toEqual([
      { id: id(1), fate: 'applied', replyJson: '{"ok":true}' },
      { id: id(3), fate: 'rejected', reason: 'rejected', message: 'no' },
    ])
    expect(host.clock.running).toBe(0)
  })

  it('[OB27] [CN10] sends nothing that the server says it has, and takes the outcome it is owed', async () => {
    const store = storeOf({ ...outboxOf(2), sentThrough: 2 })
    const host = hostOf(store)
    await host.answer(sendOnlyAnswer({ client: { hi: 2, id: id(2) } }))
    expect(host.sockets.last().received.slice(1)).toEqual([])
    host.sockets.last().send(ack(2))
    await host.settle()
    expect(endOf(host.runtime)).toBe('sent: all')
    expect([...store.fates.keys()]).toEqual([id(1), id(2)])
  })

  it('[OB28] stops before what must be asked about, is too old or fits no frame; what is before it is sent', async () => {
    const cases: readonly [string, (entry: OutboxEntry) => OutboxEntry][] = [
      ['recall', (entry) => ({ ...entry, recall: [id('earlier')] })],
      ['age', (entry) => ({ ...entry, atMs: 1_000_000 - 15 * DAY_MS })],
      ['too-large', (entry) => ({ ...entry, json: `"${'x'.repeat(DEFAULT_LIMITS.frameBytes)}"` })],
    ]
    for (const [why, change] of cases) {
      const store = storeOf(outboxOf(3, (entry) => (entry.n === 2 ? change(entry) : entry)))
      const host = hostOf(store)
      await host.answer(sendOnlyAnswer())
      expect(host.sockets.last().received.slice(1)).toMatchObject([{ type: 'send', messages: [{ n: 1 }] }])
      expect(store.outbox.sentThrough).toBe(1)
      host.sockets.last().send(ack(1))
      await host.settle()
      expect(endOf(host.runtime)).toBe(`tab: ${why}`)
      expect(store.outbox.entries.map(({ n }) => n)).toEqual([2, 3])
      expect(store.calls.filter((call) => ['bury', 'recalled', 'restart', 'unpark'].includes(call))).toEqual([])
    }
  })

  it.each([20 * DAY_MS, -20 * DAY_MS])(
    '[OB28] [OB24] [I35] goes by the time of the store: a wall clock moved by %i ms keeps nothing',
    async (jumpMs) => {
      const host = hostOf(storeOf(outboxOf(1)))
      host.clock.jump(jumpMs)
      await host.answer(sendOnlyAnswer())
      expect(host.sockets.last().received.slice(1)).toMatchObject([{ type: 'send', messages: [{ n: 1 }] }])
    },
  )

  it('[OB28] ends at once where the first message may not leave, and sends the tombstone of one that has ended', () => {
    const old = (entry: OutboxEntry): OutboxEntry => ({ ...entry, atMs: 0 - 20 * DAY_MS })
    expect(endOf(machineOf(outboxOf(2, old)).identify(sendOnlyAnswer()))).toBe('tab: age')
    const machine = machineOf(outboxOf(2, (entry) => ({ ...old(entry), json: '', skip: 'expired' })))
    expect(machine.identify(sendOnlyAnswer()).raised().sent()).toMatchObject([{ type: 'skip', numbers: [{ n: 1 }, { n: 2 }] }])
  })

  it.each<[string, OutboxState, Partial<ReturnType<typeof sendOnlyAnswer>>]>([
    ['ledger', { ...outboxOf(2), sentThrough: 1 }, { ledger: id('other') }],
    ['forgotten', { ...outboxOf(2), sentThrough: 1 }, { reach: { made: 1, forgotten: 1 } }],
    ['ledger', outboxOf(2), { ledger: id('other') }],
    ['forgotten', settleThrough(outboxOf(2), 1, id(1)), { client: null }],
    ['store-went-back', outboxOf(2), { client: { hi: 3, id: id(3) } }],
    ['server-went-back', settleThrough({ ...outboxOf(3), sentThrough: 3 }, 2, id(2)), { client: { hi: 1, id: id(1) } }],
    ['other-id', { ...outboxOf(2), sentThrough: 2 }, { client: { hi: 2, id: id('other') } }],
    ['user', outboxOf(2), { user: 'eve' }],
    ['user', outboxOf(2), { user: null }],
  ])(
    '(X5) (SEC19) [OB28] [I13] an answer that disagrees (%s) is left to a tab: nothing is sent, deleted or renumbered',
    async (why, outbox, answer) => {
      const store = storeOf(outbox)
      const host = hostOf(store)
      await host.answer(sendOnlyAnswer(answer))
      expect(endOf(host.runtime)).toBe(`tab: ${why}`)
      expect(host.sockets.last().received.map(({ type }) => type)).toEqual(['hello'])
      expect([store.calls, store.outbox]).toEqual([[], outbox])
    },
  )

  it.each<[string, ServerMessage]>([
    ['conflict', { type: 'conflict', n: 1 }],
    ['forgotten', { type: 'unknown_client' }],
    ['store-went-back', { type: 'expected', n: 9 }],
    ['other-id', ack(1, { id: id('other') })],
  ])('(X5) [OB28] a server that disagrees later (%s) is left to a tab, too', async (why, frame) => {
    const store = storeOf(outboxOf(2))
    const host = hostOf(store)
    await host.answer(sendOnlyAnswer())
    host.sockets.last().send(frame)
    await host.settle()
    expect(endOf(host.runtime)).toBe(`tab: ${why}`)
    expect(store.outbox).toMatchObject({ client: CLIENT, entries: [{ n: 1 }, { n: 2 }] })
    expect(store.calls).toEqual(['saveIdentity', 'raiseSentThrough'])
  })

  it.each([
    [CLOSE.unauthenticated.code, 'auth'],
    [CLOSE.forbidden.code, 'forbidden'],
    [CLOSE.wrongUser.code, 'user'],
    [CLOSE.version.code, 'version'],
  ])('(X1) [OB28] refused with %s, before the answer or after it, it waits for a tab', (code, why) => {
    const early = machineOf(outboxOf(1)).feed({ type: 'start' }, { type: 'opened' }, { type: 'closed', code })
    expect(endOf(early)).toBe(`tab: ${why}`)
    expect(endOf(machineOf(outboxOf(1)).identify(sendOnlyAnswer()).feed({ type: 'closed', code }))).toBe(`tab: ${why}`)
  })

  it.each<[string, readonly ServerMessage[]]>([
    ['an answer that gives a session', [welcome()]],
    ['a channel that was not asked for', [sendOnlyAnswer(), { type: 'messages', batches: [] }]],
    ['a question for a credential', [sendOnlyAnswer(), { type: 'authenticate', withinMs: 1_000 }]],
    ['an ack of what it never sent', [sendOnlyAnswer(), ack(5)]],
    ['an answer that comes twice', [sendOnlyAnswer(), sendOnlyAnswer()]],
  ])('(X5) (C3) [OB27] [CN12] %s breaks the protocol, and settles nothing', async (_, frames) => {
    const store = storeOf(outboxOf(1))
    const host = hostOf(store)
    await host.settle()
    host.sockets.last().listener.opened()
    host.sockets.last().send(...frames)
    await host.settle()
    expect(host.sockets.last().closedWith).toBe(CLOSE.badMessage.code)
    expect(endOf(host.runtime)).toBe('waiting')
    expect(store.outbox.entries).toHaveLength(1)
  })

  it('[OB27] [CN12] a hub that is answered as if it only sent breaks the protocol, too', () => {
    expect(createMachine().connect(sendOnlyAnswer()).state.phase).toMatchObject({ name: 'waiting', reason: 'protocol' })
  })

  it('(X5) [OB29] tries three times with the delays of CN2, and leaves the rest to another event', async () => {
    const host = hostOf(storeOf(outboxOf(1)))
    for (const delayMs of [1_000, 2_000]) {
      await host.settle()
      host.sockets.last().listener.closed(1006)
      expect(endOf(host.runtime)).toBe('waiting')
      host.clock.advance(delayMs)
    }
    await host.settle()
    expect(host.sockets.all).toHaveLength(3)
    // Nobody answers.
    host.clock.advance(10_000)
    expect(endOf(host.runtime)).toBe('again: unreachable')
    expect(host.clock.running).toBe(0)
  })

  it.each(['saveIdentity', 'raiseSentThrough', 'settle'] as const)(
    '[OB29] a store that fails in %s ends it; nothing is taken for settled',
    async (call) => {
      const store = storeOf(outboxOf(1))
      store.failing.add(call)
      const host = hostOf(store)
      await host.answer(sendOnlyAnswer())
      if (call === 'settle') host.sockets.last().send(ack(1))
      else expect(host.sockets.last().received).toHaveLength(1)
      await host.settle()
      expect(endOf(host.runtime)).toBe('again: store')
      expect(store.outbox.entries).toHaveLength(1)
    },
  )

  it('[OB29] once it has ended or was stopped, nothing more is sent, whatever comes', async () => {
    const store = storeOf(outboxOf(2))
    const release = store.hold('raiseSentThrough')
    const host = hostOf(store)
    await host.answer(sendOnlyAnswer())
    host.runtime.dispatch({ type: 'stop' })
    release()
    await host.settle()
    expect(host.sockets.last().received.map(({ type }) => type)).toEqual(['hello'])
    expect(host.clock.running).toBe(0)
    const ended = machineOf(outboxOf(1)).identify(sendOnlyAnswer()).feed({ type: 'closed', code: CLOSE.unauthenticated.code })
    ended.take()
    ended.feed(
      { type: 'wake' },
      { type: 'retry' },
      { type: 'start' },
      { type: 'store-failed' },
      { type: 'timer', timer: 'retry' },
      { type: 'opened' },
    )
    expect([ended.take(), endOf(ended)]).toEqual([[], 'tab: auth'])
  })

  it('[OB27] [OB25] [I38] tells of no restart, which stays stored for a tab that comes', async () => {
    const store = storeOf(outboxOf(2, (entry) => (entry.n === 1 ? { ...entry, mayRepeat: true } : entry)))
    store.notices = noteRestart([], { id: id('restart'), atMs: 1, reason: 'ledger', mayRepeat: [id(1)], mayBeLost: [] }, false)
    const { notices } = store
    const host = hostOf(store)
    await host.answer(sendOnlyAnswer())
    expect(host.sockets.last().received.at(-1)).toMatchObject({ messages: [{ n: 1, mayRepeat: true }, { n: 2 }] })
    host.sockets.last().send({ type: 'ack', hi: 2, stable: 2, id: id(2), outcomes: [] })
    await host.settle()
    expect(store.outbox.entries).toEqual([])
    expect([host.told('notices'), store.notices]).toEqual([[], notices])
  })
})

describe('what a hub stores for one that only sends', () => {
  it('[OB30] [RT6] one that comes later on the connection is stored in its place, and nothing waits for that', () => {
    const machine = createMachine().identify(welcome({ outboxToken: TOKEN }))
    machine.take()
    machine.frame({ type: 'outbox_token', outboxToken: 'a.later_one' })
    const sendOnly = { url: settings().url, token: 'a.later_one', user: 'ada' }
    expect(machine.take()).toContainEqual({
      type: 'save-identity',
      identity: { ledger: LEDGER, since: expect.any(Number) as unknown, sentThrough: 0, sendOnly },
      link: 0,
    })
    machine.feed({ type: 'identified', link: 0 })
    expect(machine.take()).toEqual([])
  })

  it('[OB30] is the address without its query, the token and the user, in the step that stores the answer', () => {
    const machine = createMachine({ ...settings(), url: 'wss://app.test/live?key=secret' }).connect(welcome({ outboxToken: TOKEN }))
    expect(machine.take()).toContainEqual(
      expect.objectContaining({
        type: 'save-identity',
        identity: expect.objectContaining({ sendOnly: { url: 'wss://app.test/live', token: TOKEN, user: 'ada' } }),
      }),
    )
    expect(createMachine().connect(welcome()).take()).toContainEqual(
      expect.objectContaining({ identity: expect.objectContaining({ sendOnly: null }) }),
    )
  })
})
