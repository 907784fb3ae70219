import fc from 'fast-check'
import { expect, it } from 'vitest'
import { addNotices, noteAnswer, noteRestart, readyNotices, serverWentBack, type AppNotice, type Disagreement } from '../core/notices.ts'
import {
  appendMessages,
  applyRecalled,
  buryNumbers,
  emptyOutbox,
  entryAt,
  hasQuestions,
  idAt,
  nextRecall,
  parkedCopy,
  restartOutbox,
  settleThrough,
  storeWentBack,
} from '../core/outbox.ts'
import type { Fate, NewMessage, OutboxEntry, OutboxState, ParkedMessage, Store, TakenCount } from '../core/ports.ts'
import type { Id } from '../protocol/messages.ts'
import { idOf, lossNotice, newMessages, type StoreWorld } from './store-contract.ts'

/** One call, in terms that make sense in any state: fractions pick among what there is. */
type Step =
  | { readonly call: 'append'; readonly names: number[]; readonly sent: boolean }
  | { readonly call: 'bury'; readonly at: number[]; readonly why: 'cancelled' | 'expired' }
  | { readonly call: 'settle'; readonly at: number; readonly rejected: boolean }
  | { readonly call: 'raise'; readonly at: number }
  | { readonly call: 'recalled'; readonly known: boolean[]; readonly hold: boolean }
  | { readonly call: 'restart'; readonly why: Disagreement }
  | { readonly call: 'note' }
  | { readonly call: 'heard'; readonly at: number[] }
  | { readonly call: 'unpark'; readonly at: number }
  | { readonly call: 'again'; readonly names: number[]; readonly told: number; readonly isElsewhere: boolean }
  | { readonly call: 'wait' }
  | { readonly call: 'reopen' }

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const NAMES = 40

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ call: fc.constant('append'), names: fc.array(fc.nat(NAMES - 1), { maxLength: 8 }), sent: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      call: fc.constant('bury'),
      at: fc.array(fraction, { maxLength: 3 }),
      why: fc.constantFrom('cancelled', 'expired'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ call: fc.constant('settle'), at: fraction, rejected: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('raise'), at: fraction }) },
  {
    weight: 2,
    arbitrary: fc.record({ call: fc.constant('recalled'), known: fc.array(fc.boolean(), { maxLength: 5 }), hold: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ call: fc.constant('restart'), why: fc.constantFrom('forgotten', 'ledger', 'server-went-back', 'cloned') }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('note') }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('heard'), at: fc.array(fraction, { maxLength: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('unpark'), at: fraction }) },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constant('again'),
      names: fc.array(fc.nat(NAMES - 1), { maxLength: 8 }),
      told: fraction,
      isElsewhere: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('wait') }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('reopen') }) },
)

/** What the pure rules say the store must hold. */
class Model {
  outbox: OutboxState = emptyOutbox('', '')
  readonly fates = new Map<Id, Fate>()
  readonly parked = new Map<Id, ParkedMessage>()
  notices: readonly AppNotice[] = []
  /** What was applied in the last ten minutes and not named as what may be lost. */
  readonly lately = new Set<Id>()
  taken: TakenCount = { memory: '', taken: 0 }
  /** What tabs were told of that. */
  readonly told: TakenCount[] = []
  /** Fates may be packed: only what comes again is looked for among them. */
  mayBePacked = false

  take(messages: readonly NewMessage[], sent: boolean, atMs: number): void {
    if (messages.length === 0) return
    this.outbox = appendMessages(this.outbox, messages, sent, atMs)
    this.taken = { ...this.taken, taken: this.taken.taken + messages.length }
  }

  /** The entry that waits under an id. */
  waiting(id: Id): OutboxEntry | null {
    return (this.fates.has(id) ? null : this.outbox.entries.find((entry) => entry.id === id)) ?? null
  }

  learn(fate: Fate): void {
    if (this.fates.has(fate.id)) return
    this.fates.set(fate.id, fate)
    if (fate.fate === 'applied') this.lately.add(fate.id)
  }

  park(message: ParkedMessage): void {
    this.parked.set(message.id, message)
  }
}

/**
 * Walks a store through random calls and compares every answer, and what a restarted worker reads, with the pure rules.
 */
export function registerStoreModel(name: string, makeWorld: () => StoreWorld, runs: number): void {
  it(`[ST8] [ST16] [ST20] [I3] [I37] ${name} follows the pure rules of the outbox through any calls`, { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 30 }), async (steps) => {
        const world = makeWorld()
        try {
          let store = world.store()
          const model = new Model()
          model.outbox = (await store.open()).outbox
          model.taken = store.taken()
          for (const [at, { call, ...rest }] of [...steps, { call: 'reopen' as const }].entries()) {
            model.told.push(model.taken)
            expect(store.taken()).toEqual(model.taken)
            if (call === 'wait') {
              world.clock.advance(700_000)
              model.mayBePacked = true
              model.lately.clear()
            } else if (call !== 'reopen') {
              await take(world, store, model, { call, ...rest } as Step, idOf(`client-${at}-`))
            } else {
              store.close()
              store = world.store()
              const state = await store.open()
              expect(state.outbox).toEqual(model.outbox)
              expect(state.notices).toEqual(model.notices)
              expect(state.parked.map(({ id }) => id).toSorted()).toEqual([...model.parked.keys()].toSorted())
              expect(state.parked.every((message) => message.json === model.parked.get(message.id)?.json)).toBe(true)
            }
          }
          const everyId = Array.from({ length: NAMES }, (_, n) => idOf(n))
          // What was said about them is forgotten in time.
          expect((await store.fatesOf(everyId)).map(({ id, fate }) => [id, fate])).toEqual(
            everyId.flatMap((id) => (model.fates.has(id) ? [[id, model.fates.get(id)?.fate]] : [])),
          )
        } finally {
          await world.dispose()
        }
      }),
      { numRuns: runs },
    )
  })
}

async function take({ clock }: StoreWorld, store: Store, model: Model, step: Step, freshId: Id): Promise<void> {
  const { outbox } = model
  const held = (at: number): number => outbox.acked + 1 + Math.floor(at * outbox.entries.length)
  if (step.call === 'append') {
    const messages = newMessages(...step.names).filter(({ id }) => !model.mayBePacked || !model.fates.has(id))
    model.take(
      messages.filter((message, at) => isFirst(messages, at) && !model.fates.has(message.id) && !model.waiting(message.id)),
      step.sent,
      clock.steadyMs(),
    )
    const entries = messages.map(({ id }) => model.waiting(id))
    expect(await store.append(messages, step.sent)).toEqual({ client: outbox.client, entries })
  } else if (step.call === 'again') {
    const told = model.told[Math.floor(step.told * model.told.length)] ?? model.taken
    const since = step.isElsewhere ? { memory: idOf('elsewhere'), taken: 0 } : told
    const messages = newMessages(...step.names).map((message) => ({ ...message, since }))
    const isReached = since.memory === model.taken.memory
    model.take(
      messages.filter((message, at) => isReached && isFirst(messages, at) && !model.fates.has(message.id) && !model.waiting(message.id)),
      false,
      clock.steadyMs(),
    )
    const entries = messages.map(({ id }) => model.waiting(id))
    expect(await store.append(messages, false)).toEqual({ client: outbox.client, entries })
  } else if (step.call === 'bury') {
    const numbers = step.at.map(held)
    for (const n of new Set(numbers)) {
      const entry = entryAt(outbox, n)
      if (!entry || entry.skip) continue
      model.learn({ id: entry.id, fate: step.why })
      if (step.why === 'expired') model.park(parkedCopy(entry, 'expired', 'expired'))
    }
    model.outbox = buryNumbers(outbox, numbers, step.why)
    await store.bury(numbers, step.why)
  } else if (step.call === 'settle') {
    const through = Math.min(held(step.at), outbox.next - 1)
    const id = idAt(outbox, through) ?? ''
    const entries = outbox.entries.filter((entry) => entry.n <= through && !entry.skip)
    const fates = entries.map((entry): Fate => {
      return step.rejected && entry.n % 2
        ? { id: entry.id, fate: 'rejected', reason: 'rejected', message: 'no' }
        : { id: entry.id, fate: 'applied' }
    })
    fates.forEach((fate) => model.learn(fate))
    for (const entry of entries) if (step.rejected && entry.n % 2) model.park(parkedCopy(entry, 'rejected', 'no'))
    model.outbox = settleThrough(outbox, through, id)
    await store.settle(through, id, fates)
  } else if (step.call === 'raise') {
    const n = Math.min(held(step.at), outbox.next - 1)
    model.outbox = { ...outbox, sentThrough: Math.max(outbox.sentThrough, n) }
    await store.raiseSentThrough(n)
  } else if (step.call === 'recalled') {
    const question = nextRecall(outbox, 3)
    if (!question) return
    const fates = question.ids.flatMap((id, at): Fate[] => (step.known[at] ? [{ id, fate: 'applied' }] : []))
    const { outbox: after, parked } = applyRecalled(outbox, question.client, question.ids, fates, step.hold)
    model.outbox = after
    fates.forEach((fate) => model.learn(fate))
    for (const message of parked) {
      model.park(message)
      model.learn({ id: message.id, fate: 'rejected', reason: 'may-repeat', message: 'the message may have been applied already' })
    }
    const known = fates.map(({ id }) => id)
    const doubtful = question.ids.filter((id) => !known.includes(id))
    model.notices = noteAnswer(model.notices, doubtful, known)
    expect(await store.recalled(question.client, question.ids, fates, step.hold)).toEqual(model.notices)
  } else if (step.call === 'restart') {
    const mayBeLost = serverWentBack(step.why) ? [...model.lately] : []
    if (serverWentBack(step.why)) model.lately.clear()
    const restart = { id: freshId, atMs: clock.steadyMs(), reason: step.why, mayRepeat: [], mayBeLost }
    model.notices = noteRestart(model.notices, restart, hasQuestions(outbox))
    model.outbox = restartOutbox(outbox, freshId, storeWentBack(step.why) ? 'all' : 'possibly-sent')
    if (storeWentBack(step.why)) model.taken = { ...model.taken, memory: freshId }
    expect(await store.restart(freshId, step.why)).toEqual({ outbox: model.outbox, notices: model.notices })
  } else if (step.call === 'note') {
    const notice = lossNotice(freshId, 'a')
    model.notices = addNotices(model.notices, [notice])
    const letter: ParkedMessage = {
      id: freshId,
      channel: 'agents',
      json: '"parked"',
      atMs: clock.steadyMs(),
      fate: 'expired',
      reason: 'expired',
    }
    model.park(letter)
    expect(await store.note([notice], [letter])).toEqual(model.notices)
  } else if (step.call === 'heard') {
    const ids = step.at.flatMap((at) => model.notices[Math.floor(at * model.notices.length)]?.id ?? [])
    const ready = readyNotices(model.notices, hasQuestions(outbox))
    model.notices = model.notices.filter((notice) => !ids.includes(notice.id) || !ready.includes(notice))
    expect(await store.heard(ids)).toEqual(model.notices)
  } else if (step.call === 'unpark') {
    const id = [...model.parked.keys()][Math.floor(step.at * model.parked.size)] ?? idOf('nobody')
    model.parked.delete(id)
    await store.unpark(id)
  }
}

function isFirst(messages: readonly NewMessage[], at: number): boolean {
  return messages.findIndex(({ id }) => id === messages[at]?.id) === at
}
