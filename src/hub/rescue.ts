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

/**
 * Saves what can be saved when a store was lost: its messages, and what the app had not been told. What happened is noted before anything is queued, and told when it is known
 * what the new store took.
 */
export async function inherit(
  { state, notices }: Runtime,
  why: string,
  host: RescueHost & { readonly store: Store; readonly clock: Clock; readonly random: Random },
): Promise<void> {
  const { runtime, store, clock, random, fail } = host
  const { again, mayRepeat } = sortLost(state, state.outbox.entries)
  const [id, atMs] = [random.id(), clock.nowMs()]
  const lossWithout = (left: readonly Id[]): AppNotice[] => {
    const event = { atMs, reason: why, requeued: again.length - left.length, mayRepeat: [...mayRepeat, ...left], older: 0 }
    return [...notices.all(), { id, kind: 'storage-lost', event }]
  }
  // A hub that dies before it is known what was queued leaves it like this: nothing may be told as queued again that is lost.
  store.note(lossWithout(again.map((message) => message.id))).catch(fail)
  await runtime.notices.note(lossWithout(await rescue({ again, mayRepeat }, host)))
}

/** Saves messages that a store had taken in when it was lost, which is known only now. */
export function requeueLost(state: CoreState, entries: readonly OutboxEntry[], host: RescueHost): void {
  void rescue(sortLost(state, entries), host)
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
async function rescue({ again, mayRepeat }: LostMessages, { runtime, fates, fail }: RescueHost): Promise<readonly Id[]> {
  fates.tell(mayRepeat.map(mayRepeatFate))
  if (again.length === 0) return []
  const submitted = await runtime.send(again).catch((error: unknown) => {
    fail(error)
    return []
  })
  const left = again.filter((_, at) => !('queued' in (submitted[at] ?? {}))).map(({ id }) => id)
  fates.tell(left.map(mayRepeatFate))
  return left
}
