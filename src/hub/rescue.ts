import { mayRepeatFate } from '../core/outbox.ts'
import type { Fate, NewMessage } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import { possiblySentThrough } from '../core/sending.ts'
import type { CoreState } from '../core/state.ts'

/**
 * What becomes of the messages that waited when their store was lost. Those that had not left are queued again, under the same ids; of the others only
 * the store knew what to ask the server.
 */
export function rescue(state: CoreState): { readonly again: readonly NewMessage[]; readonly fates: readonly Fate[] } {
  const again: NewMessage[] = []
  const fates: Fate[] = []
  const sentThrough = possiblySentThrough(state)
  for (const { n, id, channel, json, atMs, skip, recall, mayRepeat } of state.outbox.entries) {
    if (skip) continue
    if (n > sentThrough && !recall && !mayRepeat) again.push({ id, channel, json, atMs })
    else fates.push(mayRepeatFate(id))
  }
  return { again, fates }
}

/** Queues them in the new store. Gives the fates of those that it did not take, which may be all: `failed` is told why. */
export async function requeue(
  runtime: Pick<Runtime, 'send'>,
  messages: readonly NewMessage[],
  failed: (error: unknown) => void,
): Promise<readonly Fate[]> {
  const submitted = await runtime.send(messages).catch((error: unknown) => {
    failed(error)
    return []
  })
  return messages.filter((_, at) => !('queued' in (submitted[at] ?? {}))).map(({ id }) => mayRepeatFate(id))
}
