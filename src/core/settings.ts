/** How the connection comes back. A delay is `ceiling · (1 − jitter · random)`, the ceiling `baseDelayMs · 2ⁿ` up to `maxDelayMs`, and up to `baseDelayMs` and twice the time that the trouble has lasted. */
export interface ReconnectSettings {
  /** @defaultValue 1,000 ms */
  readonly baseDelayMs: number
  /** @defaultValue 30,000 ms */
  readonly maxDelayMs: number
  /** 1 spreads a delay over the whole range from 0 to its ceiling, 0 gives exactly the ceiling. @defaultValue 1 */
  readonly jitter: number
  /** Tries in a row before the connection waits for `retryNow()` or a wake-up. @defaultValue Infinity */
  readonly maxAttempts: number
  /** How long a connection must hold before the delays begin from the base again. @defaultValue 5,000 ms */
  readonly stableAfterMs: number
}

/** What the outbox holds and for how long. */
export interface OutboxSettings {
  /** @defaultValue 10,000 */
  readonly maxMessages: number
  /** JSON text of all messages together, in UTF-16 units. @defaultValue 16 Mi */
  readonly maxBytes: number
  /** A message that was not sent for this long expires. @defaultValue 14 days */
  readonly maxAgeMs: number
  /** `strict` also survives a power loss, at a price. @defaultValue 'relaxed' */
  readonly durability: 'relaxed' | 'strict'
  /** What becomes of a message that may have been applied before a memory was lost: sent again and marked, or parked for the app. @defaultValue 'send' */
  readonly mayRepeat: 'send' | 'hold'
}

/** What belongs to the hub: every tab of a scope must give the same. Plain data, so that tabs can be compared. */
export interface HubSettings {
  /** Absolute `ws:` or `wss:` address. */
  readonly url: string
  readonly user: string | null
  readonly reconnect: ReconnectSettings
  readonly outbox: OutboxSettings
  /** How late a hidden tab may get its messages. @defaultValue 1,000 ms */
  readonly hiddenDelayMs: number
}

/** Used for what the app leaves out. */
export const DEFAULT_RECONNECT: ReconnectSettings = {
  baseDelayMs: 1_000,
  maxDelayMs: 30_000,
  jitter: 1,
  maxAttempts: Infinity,
  stableAfterMs: 5_000,
}

/** Used for what the app leaves out. */
export const DEFAULT_OUTBOX: OutboxSettings = {
  maxMessages: 10_000,
  maxBytes: 16 * 2 ** 20,
  maxAgeMs: 14 * 86_400_000,
  durability: 'relaxed',
  mayRepeat: 'send',
}
