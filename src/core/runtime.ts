import { HoldfastError, type ErrorData } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import { createBurials } from './burials.ts'
import { createCurrentSocket } from './current-socket.ts'
import type { CoreEvent, Effect, TimerName } from './events.ts'
import { createGroupCommit, type Submitted } from './group-commit.ts'
import { createNoticeBoard, type NoticeBoard } from './notice-board.ts'
import { applyRecalled, buriedCopy, buriedFate, hasQuestions, mayRepeatFate, rejectedCopy, tombstone } from './outbox.ts'
import type { Disagreement } from './notices.ts'
import type { Fate, NewMessage, ParkedMessage } from './ports.ts'
import type { RuntimePorts } from './runtime-ports.ts'
import { mayGoOn, possiblySentThrough, sendsAtOnce } from './sending.ts'
import { createSettlements } from './settlements.ts'
import { initialState, type CoreState } from './state.ts'
import { STORE_DEADLINE_MS } from './store-deadline.ts'
import { transition } from './transition.ts'

/** How often the outbox is searched for messages that are too old. */
const EXPIRY_CHECK_MS = 60_000

/** The session machine at work on real or simulated parts. */
export interface Runtime {
  readonly state: CoreState
  readonly parked: ReadonlyMap<Id, ParkedMessage>
  /** What the app must be told. What is ready from the start is not told to `notify`. */
  readonly notices: Pick<NoticeBoard, 'ready' | 'all' | 'note' | 'heard'>
  dispatch(event: CoreEvent): void
  /** Resolves when it is known of each message whether it is stored; throws a `HoldfastError` when none of them is. */
  send(messages: readonly NewMessage[]): Promise<readonly Submitted[]>
  /** Makes a tombstone. Throws `already-sent` or `not-found`. */
  cancel(id: Id): Promise<void>
  /** Forgets a parked message; throws `not-found`. */
  unpark(id: Id): Promise<ParkedMessage>
  /** Lists parked messages no more that the store did not take. */
  dropParked(messages: readonly ParkedMessage[]): void
}

/** Hosts {@link transition}: feeds it what happens, does what it wants done, in order. Starts resting. */
export function createRuntime(ports: RuntimePorts): Runtime {
  const { clock, random, store, stored, notify, log } = ports
  const first = initialState(ports.settings, stored.session, stored.outbox, ports.sendOnly)
  const { attempt, troubledSinceMs, triesPaidByMs, openingTookMs, partBytes, lateHellos } = ports.earlier ?? first
  let state: CoreState = { ...first, attempt, troubledSinceMs, triesPaidByMs, openingTookMs, partBytes, lateHellos }
  /** While it is there, memory and store number the outbox differently. */
  let restarting: Promise<unknown> | null = null
  const timers = new Map<TimerName, () => void>()
  const isSendOnly = ports.sendOnly !== undefined
  /** Ended without effect and waiting for the app: the copy in memory of what the store keeps. */
  const parked = new Map(stored.parked.map((message) => [message.id, message]))

  const events: CoreEvent[] = []
  let busy = false
  /** An event that comes while another is at work waits its turn, so that effects are done in the order of their events. */
  const dispatch = (event: CoreEvent): void => {
    events.push(event)
    if (busy) return
    busy = true
    try {
      for (let next = events.shift(); next; next = events.shift()) handle(next)
    } finally {
      busy = false
    }
  }

  const handle = (event: CoreEvent): void => {
    const before = state
    const next = transition(state, event, { nowMs: clock.nowMs(), storeMs: store.timeMs(), fraction: random.fraction() })
    state = next.state
    if (event.type === 'start') expire()
    if (event.type === 'stop') stopExpiry()
    for (const effect of next.effects) perform(effect, before)
    if (state.outbox !== before.outbox) notices.look()
    if (state !== before && event.type !== 'progress') notify({ type: 'changed' })
    if (mayGoOn(state, socket.isBehind())) dispatch({ type: 'line', isBehind: socket.isBehind() })
  }

  const socket = createCurrentSocket(ports.openSocket, clock, dispatch, log)

  const perform = (effect: Effect, before: CoreState): void => {
    const { client } = state.outbox
    switch (effect.type) {
      case 'ask-credential':
        ports.askCredential().then(
          (credential) => dispatch({ type: 'credential', credential }),
          () => dispatch({ type: 'no-credential' }),
        )
        return
      case 'open':
        return socket.open(effect.partBytes)
      case 'close':
        return socket.close(effect.code, effect.reason)
      case 'hello':
        return socket.send(JSON.stringify(effect.hello))
      case 'send':
        return socket.send(effect.text, effect.lane)
      case 'set-timer':
        timers.get(effect.timer)?.()
        timers.set(
          effect.timer,
          clock.setTimer(effect.delayMs, () => dispatch({ type: 'timer', timer: effect.timer })),
        )
        return
      case 'clear-timer':
        timers.get(effect.timer)?.()
        timers.delete(effect.timer)
        return
      case 'save-identity':
        return void needed(store.saveIdentity(effect.identity), () => goOn(effect.link))
      case 'raise-sent-through':
        return void needed(store.raiseSentThrough(effect.n), () => dispatch({ type: 'sent-through', client, n: effect.n }))
      case 'settle':
        park(effect.fates.map((fate) => rejectedCopy(fate, (id) => before.outbox.entries.find((entry) => entry.id === id))))
        return settlements.settle({ client, through: effect.through, id: effect.id, fates: effect.fates })
      case 'store-recalled': {
        const hold = state.settings.outbox.mayRepeat === 'hold'
        const { client: earlier, asked, fates, link } = effect
        return void needed(store.recalled(earlier, asked, fates, hold), (noted) => {
          notices.stored(noted)
          parkRecalled(applyRecalled(state.outbox, earlier, asked, fates, hold).parked, fates)
          dispatch({ type: 'recalled', client: earlier, asked, fates, hold })
          notices.look()
          goOn(link)
        })
      }
      case 'reject-too-large': {
        const tooLarge = state.outbox.entries.filter(({ n }) => n === effect.n)
        return wanted(burials.bury(tooLarge, 'too-large'))
      }
      case 'restart': {
        const mine = Promise.all([restarting, beginRestart(effect.why)]).finally(() => {
          if (restarting === mine) restarting = null
        })
        restarting = mine
        return
      }
      case 'tell':
        return notify(effect.told)
      case 'log':
        return log(effect.entry)
    }
  }

  /** What the server said is stored. What is too old ends before anything is sent again: the server may no longer know what it would repeat. */
  const goOn = (link: number): void => {
    expire()
    dispatch({ type: 'identified', link })
  }

  /**
   * A store call the protocol cannot go on without. The connection is given up at the deadline; a late answer still counts. The machine learns of an
   * answer in its first microtask, so that it learns of all answers in the order in which the store gave them.
   */
  const needed = <T>(call: Promise<T>, answered: (value: T) => void | Promise<void>): Promise<void> => {
    let failed = false
    const fail = (error: unknown): void => {
      if (failed) return
      failed = true
      notify({ type: 'error', error: dataOf(error) })
      dispatch({ type: 'store-failed' })
    }
    const late = new HoldfastError('storage-failed', 'the store did not answer in time')
    const stopDeadline = clock.setTimer(STORE_DEADLINE_MS, () => fail(late))
    return call.then(
      (value) => {
        stopDeadline()
        return answered(value)
      },
      (error: unknown) => {
        stopDeadline()
        fail(error)
      },
    )
  }

  /** A store call whose failure is told, and repaired by a later one. */
  const wanted = (call: Promise<unknown>, answered?: () => void): void => {
    call.then(answered, (error: unknown) => notify({ type: 'error', error: dataOf(error) }))
  }

  const settlements = createSettlements(
    store,
    () => !restarting,
    (client, through) => dispatch({ type: 'settled', client, through }),
    (error) => {
      notify({ type: 'error', error: dataOf(error) })
      // A hub stores it with the next one.
      if (isSendOnly) dispatch({ type: 'store-failed' })
    },
  )

  const beginRestart = (why: Disagreement): Promise<void> =>
    needed(store.restart(random.id(), why), ({ outbox, notices: noted }) => {
      notices.stored(noted)
      dispatch({ type: 'restarted', outbox })
      notices.look()
    })

  const notices = createNoticeBoard(
    store,
    stored.notices,
    () => hasQuestions(state.outbox),
    (news) => notify({ type: 'notices', notices: news }),
  )

  const park = (copies: readonly (ParkedMessage | null)[]): void => {
    for (const copy of copies) if (copy) parked.set(copy.id, copy)
  }

  const parkRecalled = (copies: readonly ParkedMessage[], fates: readonly Fate[]): void => {
    park(copies)
    const told = new Set(fates.map(({ id }) => id))
    const held = copies.filter(({ id }) => !told.has(id))
    if (held.length > 0) notify({ type: 'fates', fates: held.map(({ id }) => mayRepeatFate(id)) })
  }

  const burials = createBurials({
    store,
    state: () => state,
    dispatch,
    ended(entries, why) {
      park(entries.map((entry) => buriedCopy(entry, why)))
      notify({ type: 'fates', fates: entries.map((entry) => buriedFate(entry, why)) })
    },
  })

  let stopExpiry = (): void => {}
  const expire = (): void => {
    stopExpiry()
    // A store may answer when everything has ended.
    if (state.phase.name === 'resting' || isSendOnly) return
    stopExpiry = clock.setTimer(EXPIRY_CHECK_MS, expire)
    // Numbers are about to change; the next check is soon enough.
    if (restarting) return
    settlements.retry(state.outbox.client)
    wanted(notices.retry())
    wanted(burials.expire(store.timeMs()))
  }

  const submit = createGroupCommit({
    store,
    clock,
    sendsAtOnce: () => sendsAtOnce(state),
    held: (id) => state.outbox.entries.find((entry) => entry.id === id && !entry.skip),
    appended(client, added, sent, refused) {
      if (added.length === 0) return
      const entries = added.map((entry) => (refused.has(entry.id) ? tombstone(entry, 'cancelled') : entry))
      dispatch({ type: 'appended', client, entries, sent })
      if (refused.size > 0) wanted(takeBack(refused))
    },
  })

  /** The store took messages in after it was told that it did not: they keep their numbers and are not sent. */
  const takeBack = async (ids: ReadonlySet<Id>): Promise<void> => {
    // What numbers are meant can be said only afterwards.
    if (restarting) await restarting
    const numbers = state.outbox.entries.filter(({ id }) => ids.has(id)).map(({ n }) => n)
    dispatch({ type: 'buried', client: state.outbox.client, numbers, why: 'cancelled' })
    await store.bury(numbers, 'cancelled')
  }

  const cancel = async (id: Id): Promise<void> => {
    // What number is meant can be said only afterwards; a slow store may have been asked for another restart meanwhile.
    if (restarting) {
      await restarting
      return cancel(id)
    }
    const entry = state.outbox.entries.find((candidate) => candidate.id === id)
    if (!entry || entry.skip || state.burying.has(entry.n)) throw new HoldfastError('not-found', 'no such message is waiting')
    if (entry.n <= possiblySentThrough(state) || entry.recall || entry.mayRepeat)
      throw new HoldfastError('already-sent', 'the message may have left already')
    await burials.bury([entry], 'cancelled')
  }

  return {
    get state() {
      return state
    },
    parked,
    notices,
    dispatch,
    send: submit,
    cancel,
    async unpark(id) {
      const message = parked.get(id)
      if (!message) throw new HoldfastError('not-found', 'no such message is parked')
      await store.unpark(id)
      parked.delete(id)
      notify({ type: 'changed' })
      return message
    },
    dropParked(messages) {
      for (const { id } of messages) parked.delete(id)
      notify({ type: 'changed' })
    },
  }
}

function dataOf(error: unknown): ErrorData {
  return error instanceof HoldfastError ? error.toData() : { code: 'storage-failed', message: 'the store failed' }
}
