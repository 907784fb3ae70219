import { describe, expect, it } from 'vitest'
import { restartOutbox, appendMessages, emptyOutbox } from './outbox.ts'
import { CLIENT, SENDER, id, message, place, published, restored, settings, welcome } from './testing/frames.ts'
import { createHost } from './testing/host.ts'
import { createMachine, type Machine } from './testing/machine.ts'
import { createStoreDouble } from './testing/store-double.ts'

const LOOK = { type: 'timer', timer: 'answers' } as const
const wantA = { type: 'subscribe', channel: 'a', cursor: place(7) } as const
const recovered = (sub: number, missed: number) =>
  ({ type: 'subscribed', sub, head: place(7 + missed), verdict: 'recovered', missed }) as const

const refusedA = { type: 'refused', sub: 1, reason: 'forbidden', message: 'no' } as const

/** Numbers 1 and 2 are on their way, and the store has marked them. */
const sending = (): Machine => createMachine().identify().append(1, 2).raised()

const asking = (): Machine => {
  const outbox = restartOutbox({ ...appendMessages(emptyOutbox(CLIENT, SENDER), [message(1)], true, 1_000_000) }, id('next'), 'all')
  return createMachine(settings(), outbox).identify()
}

describe('a server that answers pings and nothing else', () => {
  it.each<[string, Machine]>([
    ['a verdict', createMachine().identify().feed(wantA)],
    ['missed messages', createMachine().identify().feed(wantA).frame(recovered(1, 2))],
    ['a value after a reset', createMachine().identify().feed(wantA).frame({ type: 'reset', sub: 1, reason: 'epoch' })],
    ['an ack', sending()],
    ['an answer to recall', asking()],
  ])('[CN17] [I32] is given up when %s is owed at two looks in a row', (_, machine) => {
    machine.feed(LOOK).frame({ type: 'pong' })
    expect(machine.state.phase.name).toBe('live')
    machine.take()
    machine.feed(LOOK)
    expect(machine.state.phase).toMatchObject({ name: 'waiting', reason: 'unreachable' })
    expect(machine.take()).toContainEqual({ type: 'close', code: 4000, reason: 'unreachable' })
  })

  it.each<[string, Machine, (machine: Machine) => void]>([
    ['a verdict came', createMachine().identify().feed(wantA), (machine) => machine.frame(recovered(1, 0))],
    [
      'one of the missed messages came',
      createMachine().identify().feed(wantA).frame(recovered(1, 2)),
      (machine) => machine.frame({ type: 'missed_messages', sub: 1, messages: published(8, 8) }),
    ],
    ['a part is acknowledged', sending(), (machine) => machine.frame({ type: 'ack', hi: 1, stable: 1, id: id(1), outcomes: [] })],
    ['nothing is owed', createMachine().identify(), () => {}],
    ['something else is owed since', createMachine().identify(), (machine) => machine.feed(wantA)],
    ['messages have left since', createMachine().identify(), (machine) => machine.append(1, 2).raised()],
    ['a channel was refused', createMachine().identify().feed(wantA).frame(refusedA), () => {}],
    ['a channel pauses', createMachine().identify().feed(wantA).frame({ type: 'reset', sub: 1, reason: 'too-slow' }), () => {}],
  ])('[CN17] is kept while it moves: %s', (_, machine, move) => {
    machine.feed(LOOK)
    move(machine)
    machine.take()
    machine.feed(LOOK)
    expect(machine.state.phase.name).toBe('live')
    expect(machine.take()).toContainEqual({ type: 'set-timer', timer: 'answers', delayMs: 240_000 })
  })

  it('[CN17] [I32] is given up eight minutes after the link began, at the second look, whatever else it sends', async () => {
    const host = createHost()
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    host.runtime.dispatch(wantA)
    const socket = host.sockets.last()
    const stayMs = async (delayMs: number): Promise<string> => {
      for (let passedMs = 0; passedMs < delayMs; passedMs += 1_000) {
        host.clock.advance(1_000)
        socket.send({ type: 'pong' })
      }
      await host.settle()
      return host.runtime.state.phase.name
    }
    expect(await stayMs(479_000)).toBe('live')
    expect(await stayMs(1_000)).toBe('waiting')
  })
})

describe('a server that is always wrong', () => {
  it('[CH11] [I34] is asked again at once the first time on a link, and then with the delays of the backoff', () => {
    const machine = createMachine(settings()).identify().feed(wantA)
    const wrong = (): void => {
      const sub = machine.state.channels.get('a')?.sub ?? 0
      machine.frame(recovered(sub, 0), { type: 'messages', batches: [{ sub, messages: published(9, 9) }] })
    }
    wrong()
    expect(machine.state.channels.get('a')?.stage).toBe('asked')
    const pauses: number[] = []
    for (let times = 0; times < 6; times++) {
      machine.take()
      wrong()
      expect(machine.state.channels.get('a')?.stage).toBe('pausing')
      const effects = machine.take()
      expect(effects).toContainEqual({ type: 'send', lane: 0, text: expect.stringContaining('"unsubscribe"') as unknown })
      pauses.push(...effects.flatMap((effect) => (effect.type === 'set-timer' && effect.timer === 'resubscribe' ? [effect.delayMs] : [])))
      machine.feed({ type: 'timer', timer: 'resubscribe' })
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000])
  })

  it('[CH11] [CH2] what still comes while the channel pauses is ignored, and a new link begins without a pause', () => {
    const machine = createMachine(settings()).identify().feed(wantA)
    for (const sub of [1, 2]) machine.frame(recovered(sub, 0), { type: 'messages', batches: [{ sub, messages: published(9, 9) }] })
    machine.frame({ type: 'messages', batches: [{ sub: 2, messages: published(8, 8) }] })
    expect(machine.state.phase.name).toBe('live')
    expect(machine.told().filter(({ type }) => type === 'messages')).toEqual([])
    machine.feed({ type: 'closed', code: 1006 }).connect(restored())
    const { sub, misplaced } = machine.state.channels.get('a') ?? { sub: 0, misplaced: -1 }
    expect(misplaced).toBe(0)
    machine.frame(recovered(sub, 0), { type: 'messages', batches: [{ sub, messages: published(9, 9) }] })
    expect(machine.state.channels.get('a')?.stage).toBe('asked')
  })

  it('[OB20] [I34] a first restart of the outbox is followed by a try at once; another before a connection held, by the backoff', () => {
    const machine = createMachine(settings()).identify()
    const disagree = (): void => {
      machine.frame({ type: 'unknown_client' })
      machine.feed({ type: 'restarted', outbox: { ...machine.state.outbox, client: id(`c${machine.nowMs++}`) } })
    }
    disagree()
    expect(machine.state.phase.name).toBe('asking')
    for (const delayMs of [1_000, 2_000]) {
      machine.feed({ type: 'credential', credential: null }, { type: 'opened' }).frame(welcome())
      disagree()
      expect(machine.state.phase).toMatchObject({ name: 'waiting', retryAtMs: machine.nowMs + delayMs })
      machine.nowMs += delayMs
      machine.feed({ type: 'timer', timer: 'retry' })
    }
    machine.feed({ type: 'credential', credential: null }, { type: 'opened' }).frame(welcome()).feed({ type: 'timer', timer: 'stable' })
    disagree()
    expect(machine.state.phase.name).toBe('asking')
  })

  it('[OB20] [I30] an entry is asked about under the sixteen latest client ids, however often the outbox restarts', () => {
    let outbox = appendMessages(emptyOutbox(CLIENT, SENDER), [message(1)], true, 1_000_000)
    for (let run = 1; run <= 40; run++) outbox = restartOutbox(outbox, id(`run${run}`), 'all')
    expect(outbox.entries[0]?.recall).toEqual(Array.from({ length: 16 }, (_, at) => id(`run${24 + at}`)))
  })

  it('[OB20] [I30] what may be lost is listed once, however many ledgers come before it can be told', async () => {
    const store = createStoreDouble()
    store.outbox = { ...appendMessages(store.outbox, [message('b')], true, 1_000_000), ledger: id('first') }
    store.fates.set(id('old'), { id: id('old'), fate: 'applied' })
    const host = createHost({ store })
    host.runtime.dispatch({ type: 'start' })
    for (const ledger of ['second', 'third', 'fourth']) {
      await host.answer(welcome({ ledger: id(ledger) }))
      // The question is not answered; a part was sent before, and the next ledger is another again.
      store.outbox = { ...store.outbox, sentThrough: 1 }
      host.runtime.dispatch({ type: 'sent-through', client: store.outbox.client, n: 1 })
      host.sockets.last().listener.closed(1006)
      await host.settle()
      host.runtime.dispatch({ type: 'retry' })
    }
    // Something was sent under a ledger that nobody knows any more: that is forgotten, and asked about once more.
    await host.answer(welcome({ ledger: id('fourth') }))
    host.runtime.dispatch({ type: 'retry' })
    await host.answer(welcome({ ledger: id('fourth') }))
    for (let asked = 0; host.told('notices').length === 0 && asked < 50; asked++) {
      const question = host.sockets.last().received.findLast(({ type }) => type === 'recall')
      host.sockets.last().send({ type: 'recalled', client: String(question?.['client']), fates: [] })
      await host.settle()
    }
    expect(store.restarts).toBeGreaterThan(1)
    expect(host.told('notices').flatMap(({ notices }) => notices.map(({ event }) => event))).toEqual([
      { atMs: 0, reason: 'ledger', mayRepeat: [id('b')], mayBeLost: [id('old')], older: 0 },
    ])
  })
})
