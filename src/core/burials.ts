import type { Id } from '../protocol/messages.ts'
import type { CoreEvent } from './events.ts'
import type { BurialReason, OutboxEntry, Store } from './ports.ts'
import { tooOld } from './sending.ts'
import type { CoreState } from './state.ts'

/** What burials need of the machine they serve. */
export interface BurialHost {
  readonly store: Store
  readonly state: () => CoreState
  readonly dispatch: (event: CoreEvent) => void
  /** These have ended, and that is stored. */
  readonly ended: (entries: readonly OutboxEntry[], why: BurialReason) => void
}

/**
 * Ends messages on this side. What is told to have ended is stored, for a hub that died in between would have promised
 * what the next one does not know.
 */
export interface Burials {
  /**
   * Makes tombstones. Throws what the store threw; the messages then go on as if nothing had been asked, but for those
   * that are too old: they are not sent any more.
   */
  bury(entries: readonly OutboxEntry[], why: BurialReason): Promise<void>
  /**
   * Ends what is too old at this moment of the store's time: as expired, or as a possible repeat where nobody knows
   * whether it was applied. Tries again where the store failed the last time.
   */
  expire(storeMs: number): Promise<void>
}

/** See {@link Burials}. */
export function createBurials({ store, state, dispatch, ended }: BurialHost): Burials {
  /**
   * Messages, not numbers: those change with a restart, and the store is asked for none while it is asked for a burial.
   */
  const underWay = new Set<Id>()

  const bury = async (entries: readonly OutboxEntry[], why: BurialReason): Promise<void> => {
    const numbers = entries.map(({ n }) => n)
    const { client } = state().outbox
    dispatch({ type: 'burying', client, numbers })
    for (const { id } of entries) underWay.add(id)
    try {
      await store.bury(numbers, why)
    } catch (error) {
      // Nothing can be sent past what is too large: as long as the link held, it would be buried again at once, and for
      // ever.
      if (why === 'too-large') dispatch({ type: 'store-failed' })
      // What is too old stays unsent until its burial is stored: the server may no longer know whether it has applied
      // it.
      if (why === 'cancelled' || why === 'too-large') dispatch({ type: 'kept', client, numbers })
      throw error
    } finally {
      for (const { id } of entries) underWay.delete(id)
    }
    dispatch({ type: 'buried', client, numbers, why })
    const { outbox, decided } = state()
    // What the server has decided meanwhile was told then.
    const decidedThrough = client === outbox.client ? outbox.acked + decided.length : 0
    ended(
      entries.filter(({ n }) => n > decidedThrough),
      why,
    )
  }

  return {
    bury,
    async expire(storeMs) {
      const old = tooOld(state(), storeMs).filter(({ id }) => !underWay.has(id))
      const doubtful = old.filter((entry) => entry.mayRepeat)
      const unsent = old.filter((entry) => !entry.mayRepeat)
      // All are being buried before the store is heard of, or what waits for its turn would be sent.
      await Promise.all([
        ...(unsent.length > 0 ? [bury(unsent, 'expired')] : []),
        ...(doubtful.length > 0 ? [bury(doubtful, 'may-repeat')] : []),
      ])
    },
  }
}
