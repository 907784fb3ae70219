import type { ReconnectSettings } from './settings.ts'

/** One more try is allowed every so often: the longest that the limit of tries delays one (SPEC.md, CN6). */
export const TRY_EVERY_MS = 6_000

/** Tries that may begin in a row. With one every {@link TRY_EVERY_MS} they make 20 in any minute. */
export const TRIES_IN_A_ROW = 10

/**
 * How long to wait before try number `attempt` (0 for the first after a failure). The ceiling is bounded by how long the trouble lasts too: lucky draws
 * make many failures of a short outage, and what it is followed by must be short as well. Where tries fail at once, without jitter, that bound is never the lower one.
 * Full jitter by default: see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 * @param fraction uniform in [0, 1)
 * @param troubledMs from the first failure in this row to the try that failed now
 * @returns milliseconds; with `jitter: 0` exactly 1, 2, 4, 8, 16, 30, 30 … seconds for the default settings.
 */
export function backoffDelayMs(
  { baseDelayMs, maxDelayMs, jitter }: ReconnectSettings,
  attempt: number,
  fraction: number,
  troubledMs: number = Infinity,
): number {
  const ceiling = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(attempt, 52), baseDelayMs + 2 * troubledMs)
  return ceiling * (1 - jitter * fraction)
}

/**
 * How long until another try is allowed, in whole milliseconds; 0 when it is allowed now.
 * @param paidByMs when the tries so far will have been paid for, at one every {@link TRY_EVERY_MS}
 */
export function tryDelayMs(paidByMs: number, nowMs: number): number {
  return Math.ceil(Math.max(0, paidByMs - nowMs - (TRIES_IN_A_ROW - 1) * TRY_EVERY_MS))
}

/** When the tries will have been paid for if another one begins now. */
export function afterTry(paidByMs: number, nowMs: number): number {
  return Math.max(paidByMs, nowMs) + TRY_EVERY_MS
}

/** When they can have been paid for at the latest: what is later comes from the future of a clock that went back. */
export function believedPaidByMs(paidByMs: number, nowMs: number): number {
  return Math.min(paidByMs, nowMs + TRIES_IN_A_ROW * TRY_EVERY_MS)
}
