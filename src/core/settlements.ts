import type { Id } from '../protocol/messages.ts'
import type { Fate, Store } from './ports.ts'

/** Numbers that a stable ack covers, and what became of them. */
export interface Settlement {
  readonly client: Id
  readonly through: number
  readonly id: Id
  readonly fates: readonly Fate[]
}

/** Stores what is settled. What the store could not take is stored with the next settlement, or when it is tried again. */
export function createSettlements(
  store: Store,
  settled: (client: Id, through: number) => void,
  failed: (error: unknown) => void,
): { settle(settlement: Settlement): void; retry(client: Id): void } {
  let owed: Settlement | null = null

  const settle = ({ client, through, id, fates }: Settlement): void => {
    const all = owed?.client === client ? [...owed.fates, ...fates] : fates
    owed = null
    store.settle(through, id, all).then(
      () => settled(client, through),
      (error: unknown) => {
        owed = { client, through, id, fates: all }
        failed(error)
      },
    )
  }

  return {
    settle,
    retry(client) {
      if (owed?.client === client) settle({ ...owed, fates: [] })
    },
  }
}
