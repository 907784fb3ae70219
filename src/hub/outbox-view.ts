import type { OutboxView } from '../bridge/contract.ts'
import { countPending } from '../core/derive-public-state.ts'
import type { Runtime } from '../core/runtime.ts'
import { possiblySentThrough } from '../core/sending.ts'

/** Entries of each kind that a view shows. */
const SHOWN = 100

/**
 * The outbox as tabs see it.
 * @param offsetMs what the wall clock, which tabs are told, shows more than the store's time
 */
export function outboxView({ state, parked }: Runtime, offsetMs: number): OutboxView {
  const sentThrough = possiblySentThrough(state)
  const pending = []
  for (const { n, id, channel, atMs, json, skip, recall } of state.outbox.entries) {
    if (skip) continue
    pending.push({ id, channel, atMs: atMs + offsetMs, json, possiblySent: n <= sentThrough || recall !== undefined })
    if (pending.length === SHOWN) break
  }
  const oldestParked = [...parked.values()].slice(0, SHOWN).map((message) => ({ ...message, atMs: message.atMs + offsetMs }))
  return { pendingCount: countPending(state), parkedCount: parked.size, pending, parked: oldestParked }
}
