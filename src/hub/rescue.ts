import type { AppNotice, NotedLoss } from '../core/notices.ts'
import { mayRepeatFate } from '../core/outbox.ts'
import type { Clock, NewMessage, OutboxEntry, ParkedMessage, Random, Store } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import { possiblySentThrough } from '../core/sending.ts'
import type { CoreState } from '../core/state.ts'
import type { Id } from '../protocol/messages.ts'
import type { FateDesk } from './fate-desk.ts'

/** The machine of the new store, and who is told. */
export interface RescueHost {
  readonly runtime: Runtime
  readonly fates: FateDesk
  readonly fail: (error: unknown) => void
}

/** A store that was lost. */
export interface LostStore {
  /** The machine that used it. */
  readonly runtime: Runtime
  readonly store: Store
  /** What the browser said. */
  readonly why: string
}

/** What names an event, and when it happened. */
export interface Naming {
  readonly clock: Clock
  readonly random: Random
}

/** What a lost store held, and what is to be told of it. */
export interface Loss {
  /** Messages that ended without effect, their times by the new store's. They are listed from the start. */
  readonly parked: readonly ParkedMessage[]
  readonly messages: LostMessages
  /** All the app is to be told when the new store did not take some of these. */
  readonly without: (left: readonly Named[], lost: readonly Named[]) => AppNotice[]
}

/** What was lost with a store, as far as the hub still has it. */
export function lossOf(
  { runtime: { state, notices, parked }, store: before, why }: LostStore,
  store: Store,
  { clock, random }: Naming,
): Loss {
  // What was told as ended waits for nothing, though the store had not taken that.
  const messages = sortLost(
    state,
    state.outbox.entries.filter((entry) => !parked.has(entry.id)),
  )
  const { again, mayRepeat } = messages
  const [id, atMs] = [random.id(), clock.nowMs()]
  const laterMs = store.timeMs() - before.timeMs()
  return {
    parked: [...parked.values()].map((message) => ({ ...message, atMs: message.atMs + laterMs })),
    messages,
    without(left, lost) {
      const counts = { requeued: again.length - left.length, mayRepeat: [...mayRepeat, ...left.map(idOf)] }
      const event: NotedLoss = { atMs, reason: why, ...counts, ...(lost.length > 0 ? { lost: lost.map(idOf) } : {}), older: 0 }
      return [...notices.all(), { id, kind: 'storage-lost', event }]
    },
  }
}

/**
 * Saves what can be saved when a store was lost: its messages, those that are parked, and what the app had not been
 * told. What happened is noted before anything is queued, and told when it is known what the new store took.
 */
export async function inherit(loss: Loss, store: Store, host: RescueHost): Promise<void> {
  const carrying = carry(loss, store, host.fail)
  const left = await rescue(loss.messages, host)
  const lost = (await carrying) ? [] : loss.parked
  if (lost.length > 0) host.runtime.dropParked(lost)
  await host.runtime.notices.note(loss.without(left, lost))
}

/**
 * Leaves in the new store what a hub that dies before it has queued anything is to leave: the parked messages, and a
 * notice that nothing else was saved. Nothing may be told as saved again that is lost. Gives whether the parked
 * messages are there.
 */
export function carry({ messages: { again }, parked, without }: Loss, store: Store, fail: (error: unknown) => void): Promise<boolean> {
  const isDone = (call: Promise<unknown>): Promise<boolean> =>
    call.then(
      () => true,
      (error: unknown) => (fail(error), false),
    )
  // Where they do not fit, the word alone may.
  const noted = isDone(store.note(without(again, parked)))
  return parked.length > 0 ? isDone(store.note(without(again, []), parked)) : noted
}

/** Saves messages that a store had taken in when it was lost, which is known only now. */
export function requeueLost(state: CoreState, entries: readonly OutboxEntry[], host: RescueHost): void {
  void rescue(sortLost(state, entries), host)
}

/** The messages of a lost store that had not ended. */
export interface LostMessages {
  /** Those that had not left. */
  readonly again: readonly NewMessage[]
  /** The others: only the store knew what to ask the server. */
  readonly mayRepeat: readonly Id[]
}

function sortLost(lost: CoreState, entries: readonly OutboxEntry[]): LostMessages {
  const again: NewMessage[] = []
  const mayRepeat: Id[] = []
  const sentThrough = possiblySentThrough(lost)
  for (const { n, id, channel, json, skip, recall, mayRepeat: repeats } of entries) {
    if (skip) continue
    if (n > sentThrough && !recall && !repeats) again.push({ id, channel, json })
    else mayRepeat.push(id)
  }
  return { again, mayRepeat }
}

/**
 * Queues those that had not left again, under the same ids, and tells the senders of the others. Gives those that the
 * new store did not take, which may be all.
 */
async function rescue({ again, mayRepeat }: LostMessages, { runtime, fates, fail }: RescueHost): Promise<readonly NewMessage[]> {
  fates.tell(mayRepeat.map(mayRepeatFate))
  if (again.length === 0) return []
  const submitted = await runtime.send(again).catch((error: unknown) => {
    fail(error)
    return []
  })
  const left = again.filter((_, at) => !('queued' in (submitted[at] ?? {})))
  fates.tell(left.map((message) => mayRepeatFate(message.id)))
  return left
}

type Named = Pick<NewMessage, 'id'>

function idOf({ id }: Named): Id {
  return id
}
