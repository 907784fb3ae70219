import type { ReconnectSettings } from './settings.ts'

/** Tries allowed in any {@link ATTEMPT_WINDOW_MS}, whatever happens (SPEC.md, CN6). */
export const MAX_ATTEMPTS_PER_WINDOW = 20

/** The span over which tries are counted. */
export const ATTEMPT_WINDOW_MS = 60_000

/**
 * How long to wait before try number `attempt` (0 for the first after a failure).
 * Full jitter by default: see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 * @param fraction uniform in [0, 1)
 * @returns milliseconds; with `jitter: 0` exactly 1, 2, 4, 8, 16, 30, 30 … seconds for the default settings.
 */
export function backoffDelayMs(settings: ReconnectSettings, attempt: number, fraction: number): number {
  const ceiling = Math.min(settings.maxDelayMs, settings.baseDelayMs * 2 ** Math.min(attempt, 52))
  return ceiling * (1 - settings.jitter * fraction)
}

/** The tries that still count at `nowMs`. A clock that went back forgets the ones from its future, so that it cannot block for long. */
export function countedAttempts(attempts: readonly number[], nowMs: number): readonly number[] {
  return attempts.filter((at) => at <= nowMs && nowMs - at < ATTEMPT_WINDOW_MS)
}

/** How long until another try is allowed; 0 when it is allowed now. */
export function attemptBudgetDelayMs(attempts: readonly number[], nowMs: number): number {
  const counted = countedAttempts(attempts, nowMs)
  const oldest = counted[counted.length - MAX_ATTEMPTS_PER_WINDOW]
  return oldest === undefined ? 0 : oldest + ATTEMPT_WINDOW_MS - nowMs
}
