/** Which way bytes go. */
export type Direction = 'toServer' | 'toClient'

/** A whole number, or a range to draw one from by the proxy's seed. */
export type Amount = number | { readonly min: number; readonly max: number }

/** What a proxy does to a connection. */
export type Fault =
  /** Bytes pass at once, unchanged. */
  | { readonly kind: 'pass' }
  /** Nobody listens: new connections get ECONNREFUSED. The port is kept for later. Open connections live on. */
  | { readonly kind: 'refuse' }
  /** A TCP reset to both ends; a new connection is accepted first. */
  | { readonly kind: 'reset' }
  /** The end of the stream in one direction, after what was read before; the other direction lives on. */
  | { readonly kind: 'half-close'; readonly direction: Direction }
  /** Sockets stay open, nothing is read or passed on. Afterwards what was held back goes on its way, as after a link that was down. */
  | { readonly kind: 'blackhole'; readonly direction: Direction | 'both' }
  /** Every chunk waits `ms` and up to `jitterMs` more, in order. */
  | { readonly kind: 'delay'; readonly ms: number; readonly jitterMs?: number }
  /** At most this many bytes per second in each direction. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number }
  /** Writes of at most `bytes` bytes. */
  | { readonly kind: 'slice'; readonly bytes: number }
  /** A TCP reset to both ends after `afterBytes` more bytes were passed on in one direction. */
  | { readonly kind: 'cut'; readonly direction: Direction; readonly afterBytes: Amount }
  /** A captive portal: the first bytes of a new connection are answered with `response`, and the server hears nothing. Open connections live on. */
  | { readonly kind: 'answer'; readonly response: string }

/**
 * A fault, and the connections it is for: those that are open, those that come, both (the default), or the nth connection
 * of the proxy, counted from 1, whether it is open or still to come.
 */
export type FaultRule = Fault & { readonly on?: 'existing' | 'new' | 'both' | number }

/** Bytes pass at once, unchanged. */
export const PASS: Fault = { kind: 'pass' }
