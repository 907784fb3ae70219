import type { StorageLost } from '../bridge/contract.ts'
import { mayRepeatFate } from '../core/outbox.ts'
import type { Fate, NewMessage, OutboxEntry } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import { possiblySentThrough } from '../core/sending.ts'
import type { CoreState } from '../core/state.ts'
import type { Id } from '../protocol/messages.ts'
import type { FateDesk } from './fate-desk.ts'

/**
 * Saves messages that waited when their store was lost. Those that had not left are queued again, under the same ids; of the others only
 * the store knew what to ask the server.
 */
export function rescue(
  lost: CoreState,
  entries: readonly OutboxEntry[],
  { runtime, fates, fail }: { readonly runtime: Runtime; readonly fates: FateDesk; readonly fail: (error: unknown) => void },
): Omit<StorageLost, 'reason'> {
  const again: NewMessage[] = []
  const mayRepeat: Id[] = []
  const sentThrough = possiblySentThrough(lost)
  for (const { n, id, channel, json, skip, recall, mayRepeat: repeats } of entries) {
    if (skip) continue
    if (n > sentThrough && !recall && !repeats) again.push({ id, channel, json })
    else mayRepeat.push(id)
  }
  fates.tell(mayRepeat.map(mayRepeatFate))
  if (again.length > 0) void requeue(runtime, again, fail).then((left) => fates.tell(left))
  return { requeued: again.length, mayRepeat }
}

/** Queues them in the new store. Gives the fates of those that it did not take, which may be all: `failed` is told why. */
async function requeue(runtime: Runtime, messages: readonly NewMessage[], failed: (error: unknown) => void): Promise<readonly Fate[]> {
  const submitted = await runtime.send(messages).catch((error: unknown) => {
    failed(error)
    return []
  })
  return messages.filter((_, at) => !('queued' in (submitted[at] ?? {}))).map(({ id }) => mayRepeatFate(id))
}
