/** Gauges and totals of a server, as plain data. */
export interface Metrics {
  readonly sockets: number
  /** Sockets whose `hello` was not answered. */
  readonly waiting: number
  /** Addresses that the limits per address remember. */
  readonly addresses: number
  readonly sessions: number
  readonly clients: number
  /** Channels kept by the engine, and those that somebody reads. */
  readonly channels: number
  readonly channelsRead: number
  readonly logMessages: number
  readonly logBytes: number
  /** What client records take of `sessions.recordBytes`. */
  readonly recordBytes: number
  /** Clients that are connected or have numbers on their way, and those numbers. */
  readonly lanes: number
  readonly queued: number
  /** Connections that only send. */
  readonly sendOnly: number
  /**
   * Totals since the start, such as `applied`, `duplicates`, `resets.trimmed`, `closes.rate`, `refused.origin`,
   * `dropped.volatile`.
   */
  readonly totals: Readonly<Record<string, number>>
}
