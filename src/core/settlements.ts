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
 * Stores what is settled. What is settled while the store is at work is stored together after it: many small acks cost
 * few transactions. A fate goes with every settlement until one that held it was stored: any of them may fail.
 * @param mayStore whether the store still numbers the outbox as the settlement does; what it is not asked for counts as
 * failed
 */
export function createSettlements(
  store: Store,
  mayStore: () => boolean,
  settled: (client: Id, through: number) => void,
  failed: (error: unknown) => void,
): { settle(settlement: Settlement): void; retry(client: Id): void } {
  const unstored = new Map<Id, Fate>()
  let last: Settlement | null = null
  let underWay: Settlement | null = null

  const put = (settlement: Settlement): void => {
    if (!mayStore()) return
    const { client, through, id } = settlement
    const fates = [...unstored.values()]
    const goOn = (): void => {
      // Another call has begun meanwhile, for one that did not come back.
      if (underWay !== settlement) return
      underWay = null
      if (last && last !== settlement) put(last)
    }
    underWay = settlement
    store
      .settle(through, id, fates)
      .then(() => {
        if (last?.client === client) for (const fate of fates) unstored.delete(fate.id)
        if (last === settlement) last = null
        settled(client, through)
      })
      .catch(failed)
      .finally(goOn)
  }

  return {
    settle(settlement) {
      if (last?.client !== settlement.client) unstored.clear()
      for (const fate of settlement.fates) unstored.set(fate.id, fate)
      last = settlement
      if (!underWay) put(settlement)
    },
    retry(client) {
      if (last?.client === client) put(last)
    },
  }
}
