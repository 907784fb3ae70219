import { HoldfastError } from '../../protocol/errors.ts'
import type { Id } from '../../protocol/messages.ts'
import { addNotices, noteAnswer, noteRestart, serverWentBack, type AppNotice } from '../notices.ts'
import {
  appendMessages,
  applyRecalled,
  buryNumbers,
  emptyOutbox,
  hasQuestions,
  restartOutbox,
  settleThrough,
  storeWentBack,
} from '../outbox.ts'
import type { Fate, OutboxState, ParkedMessage, Store, StoredIdentity, StoredState } from '../ports.ts'
import { CLIENT, SENDER } from './frames.ts'

/** The calls of a {@link Store} that the core makes. */
export type StoreCall = Exclude<
  keyof Store,
  'durable' | 'timeMs' | 'onLost' | 'onFenced' | 'close' | 'open' | 'taken' | 'reaches' | 'saveCache' | 'dropCache' | 'signOut'
>

/** A store in memory that can fail and hesitate. */
export interface StoreDouble extends Store {
  outbox: OutboxState
  identity: StoredIdentity | null
  readonly fates: Map<Id, Fate>
  readonly parked: Map<Id, ParkedMessage>
  /** When messages are taken that are not taken when tests begin. */
  readonly takenMs: Map<Id, number>
  /** Whether it remembers whatever it is asked. */
  remembers: boolean
  notices: readonly AppNotice[]
  /** How often it was restarted: the time of its notices. */
  restarts: number
  /** Every call, oldest first. */
  readonly calls: StoreCall[]
  /** Calls that throw until taken out again. */
  readonly failing: Set<StoreCall>
  /** Lets calls of this name, and everything asked after them, wait until the returned function is called. */
  hold(call: StoreCall): () => void
  stored(): StoredState
}

/** Makes an empty store. Calls take effect and are answered in order. */
export function createStoreDouble(maxMessages: number = 1_000): StoreDouble {
  const held = new Map<StoreCall, Promise<void>>()
  let tail: Promise<unknown> = Promise.resolve()

  const call = <T>(name: StoreCall, work: () => T): Promise<T> => {
    store.calls.push(name)
    const answer = tail.then(async () => {
      await held.get(name)
      if (store.failing.has(name)) throw new HoldfastError('storage-failed', `${name} failed`)
      return work()
    })
    tail = answer.catch(() => null)
    return answer
  }

  const store: StoreDouble = {
    durable: false,
    outbox: emptyOutbox(CLIENT, SENDER),
    identity: null,
    fates: new Map(),
    parked: new Map(),
    takenMs: new Map(),
    remembers: true,
    notices: [],
    restarts: 0,
    calls: [],
    failing: new Set(),
    hold(name) {
      let release = (): void => {}
      held.set(name, new Promise((resolve) => (release = resolve)))
      return () => {
        held.delete(name)
        release()
      }
    },
    stored: () => ({
      session: null,
      sendOnly: store.identity?.sendOnly ?? null,
      outbox: store.outbox,
      parked: [...store.parked.values()],
      notices: store.notices,
      channels: [],
      signOuts: 0,
      corrupt: false,
    }),
    open: () => Promise.resolve(store.stored()),
    saveIdentity: (identity) =>
      call('saveIdentity', () => {
        store.identity = identity
        const { ledger, since, sentThrough } = identity
        store.outbox = { ...store.outbox, ledger, since, sentThrough: Math.max(store.outbox.sentThrough, sentThrough) }
      }),
    append: (messages, sent) =>
      call('append', () => {
        const fresh = messages.filter(
          ({ id, since }, at) =>
            (!since || store.remembers) &&
            !store.fates.has(id) &&
            !store.outbox.entries.some((entry) => entry.id === id) &&
            messages.findIndex((other) => other.id === id) === at,
        )
        if (store.outbox.entries.length + fresh.length > maxMessages) throw new HoldfastError('outbox-full', 'the outbox is full')
        for (const one of fresh) store.outbox = appendMessages(store.outbox, [one], sent, store.takenMs.get(one.id) ?? 1_000_000)
        return {
          client: store.outbox.client,
          entries: messages.map(({ id }) => store.outbox.entries.find((entry) => entry.id === id) ?? null),
        }
      }),
    raiseSentThrough: (n) =>
      call('raiseSentThrough', () => void (store.outbox = { ...store.outbox, sentThrough: Math.max(store.outbox.sentThrough, n) })),
    bury: (numbers, why) => call('bury', () => void (store.outbox = buryNumbers(store.outbox, numbers, why))),
    settle: (through, id, fates) =>
      call('settle', () => {
        store.outbox = settleThrough(store.outbox, through, id)
        for (const fate of fates) store.fates.set(fate.id, fate)
      }),
    recalled: (client, asked, fates, hold) =>
      call('recalled', () => {
        const known = new Set(fates.map((fate) => fate.id))
        const doubtful = asked.filter((mid) => !known.has(mid))
        store.outbox = applyRecalled(store.outbox, client, asked, fates, hold).outbox
        return (store.notices = noteAnswer(store.notices, doubtful, [...known]))
      }),
    restart: (newClient, why) =>
      call('restart', () => {
        const mayBeLost = serverWentBack(why) ? [...store.fates.values()].filter(({ fate }) => fate === 'applied').map(({ id }) => id) : []
        const restart = { id: newClient, atMs: store.restarts++, reason: why, mayRepeat: [], mayBeLost }
        store.notices = noteRestart(store.notices, restart, hasQuestions(store.outbox))
        store.outbox = restartOutbox(store.outbox, newClient, storeWentBack(why) ? 'all' : 'possibly-sent')
        return { outbox: store.outbox, notices: store.notices }
      }),
    note: (added, parked = []) =>
      call('note', () => {
        for (const one of parked) store.parked.set(one.id, one)
        return (store.notices = addNotices(store.notices, added))
      }),
    heard: (ids) => call('heard', () => (store.notices = store.notices.filter(({ id }) => !ids.includes(id)))),
    unpark: (id) => call('unpark', () => void store.parked.delete(id)),
    fatesOf: (ids) => call('fatesOf', () => ids.flatMap((id) => store.fates.get(id) ?? [])),
    timeMs: () => 1_000_000,
    taken: () => ({ memory: CLIENT, taken: 0 }),
    reaches: () => store.remembers,
    saveCache: () => Promise.resolve(),
    dropCache: () => Promise.resolve(),
    signOut: () => Promise.resolve(0),
    onLost() {},
    onFenced() {},
    close() {},
  }
  return store
}
