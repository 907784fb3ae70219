import type { AppNotice } from '../core/notices.ts'
import { mayRepeatFate } from '../core/outbox.ts'
import type { Clock, NewMessage, OutboxEntry, Random, Store } from '../core/ports.ts'
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
  /** What the browser said. */
  readonly why: string
}

/** What names an event, and when it happened. */
interface Naming {
  readonly clock: Clock
  readonly random: Random
}

/**
 * Saves what can be saved when a store was lost: its messages, and what the app had not been told. What happened is noted before anything is queued, and told when it is known
 * what the new store took.
 */
export async function inherit(lost: LostStore, store: Store, host: RescueHost & Naming): Promise<void> {
  const { messages, without } = lossOf(lost, host)
  // A hub that dies before it is known what was queued leaves it like this: nothing may be told as queued again that is lost.
  store.note(without(messages.again)).catch(host.fail)
  await host.runtime.notices.note(without(await rescue(messages, host)))
}

/** Notes in the new store, for whoever opens it next, that nothing of the lost one was saved: its hub has let go meanwhile. */
export async function leaveWord(lost: LostStore, store: Store, naming: Naming): Promise<void> {
  const { messages, without } = lossOf(lost, naming)
  await store.note(without(messages.again))
}

/** Saves messages that a store had taken in when it was lost, which is known only now. */
export function requeueLost(state: CoreState, entries: readonly OutboxEntry[], host: RescueHost): void {
  void rescue(sortLost(state, entries), host)
}

/** Its messages, and all the app is to be told when some of these could not be queued again. */
function lossOf({ runtime: { state, notices }, why }: LostStore, { clock, random }: Naming) {
  const messages = sortLost(state, state.outbox.entries)
  const { again, mayRepeat } = messages
  const [id, atMs] = [random.id(), clock.nowMs()]
  const without = (left: readonly Pick<NewMessage, 'id'>[]): AppNotice[] => {
    const event = { atMs, reason: why, requeued: again.length - left.length, mayRepeat: [...mayRepeat, ...left.map(idOf)], older: 0 }
    return [...notices.all(), { id, kind: 'storage-lost', event }]
  }
  return { messages, without }
}

interface LostMessages {
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

/** Queues those that had not left again, under the same ids, and tells the senders of the others. Gives those that the new store did not take, which may be all. */
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

function idOf({ id }: Pick<NewMessage, 'id'>): Id {
  return id
}
