import type { OutboxSettings, ReconnectSettings } from '../core/settings.ts'

/** What a setting may be: a number from `[0]` to `[1]` (whole where `[2]` is 1), or one of some words. */
export type Range = readonly [min: number, max: number, whole?: 1] | readonly string[]

/** Ranges of {@link ReconnectSettings}. */
export const RECONNECT_RANGES: Readonly<Record<keyof ReconnectSettings, Range>> = {
  baseDelayMs: [1, 3_600_000],
  maxDelayMs: [1, 3_600_000],
  jitter: [0, 1],
  maxAttempts: [1, Infinity],
  stableAfterMs: [0, 3_600_000],
}

/** Ranges of {@link OutboxSettings}. The age stays below the 30 days for which a server remembers a client. */
export const OUTBOX_RANGES: Readonly<Record<keyof OutboxSettings, Range>> = {
  maxMessages: [1, 1_000_000, 1],
  maxBytes: [1_024, 2 ** 30, 1],
  maxAgeMs: [1_000, 29 * 86_400_000],
  durability: ['relaxed', 'strict'],
  mayRepeat: ['send', 'hold'],
}

/** Range of `hiddenDelayMs`. */
export const HIDDEN_DELAY_RANGE: Range = [0, 60_000]

/** What is wrong with `value`, in words that follow its name; `null` when nothing. */
export function outOfRange(value: unknown, range: Range): string | null {
  const [min, max, whole] = range
  if (typeof min === 'string') return (range as readonly unknown[]).includes(value) ? null : `must be ${range.join(' or ')}`
  const fits = typeof value === 'number' && value >= min && value <= Number(max) && (whole !== 1 || Number.isInteger(value))
  return fits ? null : `must be a ${whole === 1 ? 'whole ' : ''}number from ${min} to ${max}`
}
