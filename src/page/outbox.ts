import type { OutboxView, ParkedView, PendingMessage } from '../bridge/contract.ts'
import type { Id } from '../protocol/messages.ts'
import type { LiveValue } from './live-value.ts'
import type { SentMessage } from './sent-message.ts'

/** A message that waits to be confirmed. `possiblySent`: it can no longer be cancelled. */
export type OutboxPending = Omit<PendingMessage, 'json'> & { readonly data: unknown }

/** A message that ended without effect and waits for `retry` or `discard`. */
export type OutboxParked = Omit<ParkedView, 'json'> & { readonly data: unknown }

/** The outbox of this browser and user: all counts, and the oldest 100 of each kind. */
export interface OutboxContents {
  readonly pendingCount: number
  readonly parkedCount: number
  readonly pending: readonly OutboxPending[]
  readonly parked: readonly OutboxParked[]
}

/** What waits in the outbox, of all tabs. Kept up to date only while somebody subscribes. */
export interface Outbox extends LiveValue<OutboxContents> {
  /**
   * Takes a message back. Rejects with `already-sent` when it may have left this machine, with `not-found` when it is
   * not held.
   */
  cancel(id: Id): Promise<void>
  /**
   * Sends a parked message again, as a new message with a new id behind what is queued by then; its `queued` rejects
   * with `not-found` when it is not parked.
   */
  retry(id: Id): SentMessage
  /** Forgets a parked message. */
  discard(id: Id): Promise<void>
}

/** Nothing waits. */
export const EMPTY_OUTBOX: OutboxContents = { pendingCount: 0, parkedCount: 0, pending: [], parked: [] }

/** The hub's view with the data of every entry. */
export function outboxContents(view: OutboxView): OutboxContents {
  return { ...view, pending: view.pending.map(withData), parked: view.parked.map(withData) }
}

function withData<T extends { readonly json: string }>({ json, ...entry }: T): Omit<T, 'json'> & { readonly data: unknown } {
  return { ...entry, data: JSON.parse(json) as unknown }
}
