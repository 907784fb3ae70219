import { mayRepeatFate } from '../core/outbox.ts'
import type { Fate } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Id } from '../protocol/messages.ts'

/**
 * What became of messages a tab still waits for, as far as it is decided: recorded, committed but not stable yet, or
 * parked. Those the outbox still holds are left out. One that nobody knows any more, because its fate is older than the
 * store remembers or the store was lost, may have been applied.
 */
export function unsettledFates(
  ids: readonly Id[],
  recorded: readonly Fate[],
  { state, parked }: Pick<Runtime, 'state' | 'parked'>,
): readonly Fate[] {
  const committed = state.decided.filter((fate) => fate !== null)
  const known = new Map([...committed, ...recorded].map((fate) => [fate.id, fate]))
  const held = new Map(state.outbox.entries.map((entry) => [entry.id, entry]))
  const fates: Fate[] = []
  for (const id of ids) {
    const skip = held.get(id)?.skip
    const aside = parked.get(id)
    const fate = known.get(id)
    if (fate) fates.push(fate)
    else if (aside?.reason === 'may-repeat') fates.push(mayRepeatFate(id))
    else if (aside)
      fates.push(aside.fate === 'expired' ? { id, fate: 'expired' } : { id, fate: 'rejected', reason: 'rejected', message: aside.reason })
    else if (skip === 'cancelled' || skip === 'expired') fates.push({ id, fate: skip })
    else if (skip || !held.has(id)) fates.push(mayRepeatFate(id))
  }
  return fates
}
