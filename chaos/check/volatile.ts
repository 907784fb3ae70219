import { sentMessages, type RunRecord, type Violation } from '../record.ts'

/** Figures of a run's messages with `durable: false`. */
export interface VolatileCounts {
  volatileSent: number
  volatileApplied: number
}

/** Codes that say for certain that a message did not leave. */
const NOT_SENT = ['not-connected', 'dropped', 'limit', 'invalid-data']

/** Holds what became of messages with `durable: false` against what was told: not sent is not sent (I39), and none is applied twice. */
export function checkVolatile({ journal, pages }: RunRecord): {
  readonly counts: VolatileCounts
  readonly violations: readonly Violation[]
} {
  const applied = new Map<string, number>()
  for (const row of journal) if (row.type === 'volatile') applied.set(row.id, (applied.get(row.id) ?? 0) + 1)
  const messages = sentMessages(pages).filter(({ volatile }) => volatile)
  const violations = messages.flatMap(({ key, id, failed, sentMs: atMs }): Violation[] => {
    const times = applied.get(id) ?? 0
    if (times > 1) return [{ kind: 'doubled', atMs, text: `${key}, with durable: false, was applied ${times} times`, keys: [key] }]
    if (times === 0 || failed === undefined || !NOT_SENT.includes(failed)) return []
    return [{ kind: 'untrue', atMs, text: `${key}, with durable: false, was told as ${failed} and was applied`, keys: [key] }]
  })
  return { counts: { volatileSent: messages.length, volatileApplied: applied.size }, violations }
}
