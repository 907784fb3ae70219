/** Why the connection waits before its next try. */
export type WaitReason =
  /** The browser says that there is no network. A hint: tries go on. */
  | 'offline'
  /** The server could not be reached, or the socket was lost. */
  | 'unreachable'
  /** The server said that it restarts and when to come back. */
  | 'server-restart'
  /** No tab could give a credential in time. */
  | 'no-credential'
  /** The other side broke the protocol, or said that this side did. */
  | 'protocol'

/** Why the server will not have this client until the app acts. */
export type RefusalReason =
  /** The credential was missing, wrong or expired: sign in again, then `retryNow()`. */
  | 'auth'
  /** The credential belongs to another user than the connection's: connect again with that `user`. */
  | 'user'
  /** The user may not connect. */
  | 'forbidden'
  /** Client and server share no protocol version: reload the page to get the current build. */
  | 'version'

/** What every state carries: `null` until a hub has read the storage, and later what the last one said. */
export interface StateFacts {
  /** Messages of this browser and user that the server has not confirmed yet. */
  readonly pending: number | null
  /** Whether queued messages outlive the browser's worker; `false` when the browser gives no storage. */
  readonly durable: boolean | null
  /** Whether the hub of all tabs runs in a SharedWorker; `false`: in a worker of one of them. */
  readonly shared: boolean | null
}

/**
 * What the connection is doing, and what to do about it.
 *
 * - `connecting`: a socket is being opened or the session resumed. Wait.
 * - `recovering`: resumed; `recovered` of `missed` messages have arrived. Show old data as old.
 * - `connected`: every channel is up to date and stays so.
 * - `waiting`: not connected; the next try is at `retryAtMs` (wall clock). `send()` goes on working. `retryNow()` cuts the wait short.
 * - `refused`: the server will not have this client; no further try until the app acts and calls `retryNow()`.
 * - `closed`: this tab called `close()`.
 */
export type ConnectionState = StateFacts &
  (
    | { readonly status: 'connecting' }
    | { readonly status: 'recovering'; readonly recovered: number; readonly missed: number }
    | { readonly status: 'connected' }
    | { readonly status: 'waiting'; readonly attempt: number; readonly retryAtMs: number; readonly reason: WaitReason }
    | { readonly status: 'refused'; readonly reason: RefusalReason }
    | { readonly status: 'closed' }
  )

/** The words of {@link ConnectionState}. */
export type ConnectionStatus = ConnectionState['status']
