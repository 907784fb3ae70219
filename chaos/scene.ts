/** The channels that every tab reads, besides its user's own. */
export const CHANNELS: readonly string[] = ['agents', 'board']

/** Short delays, so that a run holds many outages; long enough to stay below the most tries a minute. */
export const RECONNECT = { baseDelayMs: 400, maxDelayMs: 4_000, stableAfterMs: 1_000 }
