import { idAt } from '../src/core/outbox.ts'
import type { Fate, OutboxState } from '../src/core/ports.ts'
import { fateOf, isFate } from '../src/core/sending.ts'
import type { Flushed, Id } from '../src/protocol/messages.ts'

/** What may leave the outbox, and what became of it. */
export interface Settlement {
  readonly through: number
  readonly id: Id
  readonly fates: readonly Fate[]
}

/**
 * What an answer lets go. `null`: it settles nothing yet. `disagreement`: it speaks of another user, another memory or other messages than this outbox,
 * and nothing may be deleted on the strength of it.
 */
export function takeAnswer(outbox: OutboxState, user: string | null, answer: Flushed): Settlement | null | 'disagreement' {
  const { client, stable, id } = answer
  if (answer.user !== user || answer.ledger !== outbox.ledger || client === null) return 'disagreement'
  if (client.hi > outbox.sentThrough || client.hi < outbox.acked || idAt(outbox, client.hi) !== client.id) return 'disagreement'
  if (stable > client.hi) return 'disagreement'
  if (stable <= outbox.acked) return null
  if (id === '' || idAt(outbox, stable) !== id) return 'disagreement'
  const byNumber = new Map(answer.outcomes.map((outcome) => [outcome.n, outcome]))
  const covered = outbox.entries.slice(0, stable - outbox.acked)
  return { through: stable, id, fates: covered.map((entry) => fateOf(entry, byNumber.get(entry.n))).filter(isFate) }
}
