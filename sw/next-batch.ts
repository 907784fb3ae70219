import type { OutboxEntry, OutboxState } from '../src/core/ports.ts'

/** Most messages of one POST. */
const MAX_BATCH_MESSAGES = 256

/** What the envelope of one message adds to its data, in UTF-16 units, at most. */
const ENVELOPE_UNITS = 320

/**
 * The next entries that may leave, in order. Empty when none is held, or when the first of them needs a tab: it is to be asked about first, or too old.
 * @param frameBytes what the server takes; a batch of several is filled to a quarter of it, for a unit may take more than a byte
 */
export function nextBatch({ entries }: OutboxState, oldestMs: number, frameBytes: number): readonly OutboxEntry[] {
  const batch: OutboxEntry[] = []
  let units = 0
  for (const entry of entries.slice(0, MAX_BATCH_MESSAGES)) {
    if (!entry.skip && (entry.recall || entry.atMs < oldestMs)) break
    units += entry.json.length + ENVELOPE_UNITS
    if (batch.length > 0 && units > frameBytes / 4) break
    batch.push(entry)
  }
  return batch
}
