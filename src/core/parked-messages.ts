import { buriedCopy, parkedCopy } from './outbox.ts'
import type { BurialReason, Fate, OutboxEntry, ParkedMessage } from './ports.ts'
import type { Id } from '../protocol/messages.ts'

/** The messages that ended without effect and wait for the app: the copy in memory of what the store keeps. */
export interface ParkedMessages {
  readonly all: ReadonlyMap<Id, ParkedMessage>
  /** Those of `entries` that were rejected. */
  rejected(entries: readonly OutboxEntry[], fates: readonly Fate[]): void
  /** Messages that may have been applied and wait for the app's decision. */
  held(entries: readonly OutboxEntry[]): void
  buried(entries: readonly OutboxEntry[], why: BurialReason): void
  forget(id: Id): void
}

/** Begins with what was stored. */
export function createParkedMessages(stored: readonly ParkedMessage[]): ParkedMessages {
  const all = new Map(stored.map((message) => [message.id, message]))
  return {
    all,
    rejected(entries, fates) {
      for (const fate of fates) {
        const entry = fate.fate === 'rejected' && entries.find(({ id }) => id === fate.id)
        if (entry && fate.fate === 'rejected') all.set(entry.id, parkedCopy(entry, 'rejected', fate.message))
      }
    },
    held(entries) {
      for (const entry of entries) all.set(entry.id, parkedCopy(entry, 'rejected', 'may-repeat'))
    },
    buried(entries, why) {
      for (const entry of entries) {
        const copy = buriedCopy(entry, why)
        if (copy) all.set(entry.id, copy)
      }
    },
    forget: (id) => void all.delete(id),
  }
}
