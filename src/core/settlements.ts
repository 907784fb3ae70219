import type { Id } from '../protocol/messages.ts'
import type { Fate, Store } from './ports.ts'

/** Numbers that a stable ack covers, and what became of them. */
export interface Settlement {
  readonly client: Id
  readonly through: number
  readonly id: Id
  readonly fates: readonly Fate[]
}

/**
 * Stores what is settled. A fate goes with every settlement until one that held it was stored: calls under way may fail, in any number.
 * @param mayStore whether the store still numbers the outbox as the settlement does; what it is not asked for counts as failed
 */
export function createSettlements(
  store: Store,
  mayStore: () => boolean,
  settled: (client: Id, through: number) => void,
  failed: (error: unknown) => void,
): { settle(settlement: Settlement): void; retry(client: Id): void } {
  const unstored = new Map<Id, Fate>()
  let last: Settlement | null = null

  const settle = (settlement: Settlement): void => {
    const { client, through, id } = settlement
    if (last?.client !== client) unstored.clear()
    for (const fate of settlement.fates) unstored.set(fate.id, fate)
    const mine = (last = settlement)
    if (!mayStore()) return
    const fates = [...unstored.values()]
    store.settle(through, id, fates).then(() => {
      if (last?.client === client) for (const fate of fates) unstored.delete(fate.id)
      if (last === mine) last = null
      settled(client, through)
    }, failed)
  }

  return {
    settle,
    retry(client) {
      if (last?.client === client) settle(last)
    },
  }
}
