import type { Clock } from '../core/ports.ts'

/**
 * Calls `late` when something takes longer than `delayMs`; returns how to stop that. A page that did not run meanwhile (frozen, asleep, throttled) gets a
 * little more time, so that an answer which waits behind the timer still counts.
 */
export function whenOverdue(clock: Clock, delayMs: number, late: () => void): () => void {
  const sinceMs = clock.nowMs()
  let cancel = clock.setTimer(delayMs, () => {
    if (clock.nowMs() - sinceMs > delayMs + 1_000) cancel = clock.setTimer(250, late)
    else late()
  })
  return () => cancel()
}
