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
  /** The hub's script did not load, or does not run. */
  | 'hub'

/** Why there is no connection until something else changes. */
export type RefusalReason =
  /** The credential was missing, wrong or expired: sign in again, then `retryNow()`. */
  | 'auth'
  /** The credential belongs to another user than the connection's: connect again with that `user`. */
  | 'user'
  /** The user may not connect. */
  | 'forbidden'
  /** Client and server share no protocol version: reload the page to get the current build. */
  | 'version'
  /**
   * No hub starts: see `script` and the `error` event. Tried again every 30 s, when the page is looked at or comes
   * online, and by `retryNow()`.
   */
  | 'hub'
  /**
   * The same of a page that has had one: a deploy has removed its build's script. Reload the page; until then another
   * page's hub is joined as soon as there is one.
   */
  | 'reload-needed'

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
 * - `waiting`: not connected; the next try is at `retryAtMs` (wall clock). `send()` goes on working. `retryNow()` cuts
 * the wait short.
 * - `refused`: the server will not have this client, and there is no further try until the app acts and calls
 * `retryNow()`; or no hub starts, which is tried again now and then (`hub`, `reload-needed`).
 * - `closed`: this tab called `close()`.
 */
export type ConnectionState = StateFacts &
  (
    | { readonly status: 'connecting' }
    | { readonly status: 'recovering'; readonly recovered: number; readonly missed: number }
    | { readonly status: 'connected' }
    | {
        readonly status: 'waiting'
        readonly attempt: number
        readonly retryAtMs: number
        readonly reason: WaitReason
        /**
         * Close code of the last socket, where the other side or the network closed it. 1006: it did not open, or
         * broke.
         */
        readonly closeCode?: number | undefined
      }
    | {
        readonly status: 'refused'
        readonly reason: RefusalReason
        /**
         * With `hub` and `reload-needed`: address of the hub's script; of the packaged one without what a bundler adds
         * to its name. Absent where the app starts the hub itself, or its address is not known to the page.
         */
        readonly script?: string
        /** With `script`: whether it is of another origin than the page, where no worker can be started from it. */
        readonly crossOrigin?: boolean
      }
    | { readonly status: 'closed' }
  )

/** The words of {@link ConnectionState}. */
export type ConnectionStatus = ConnectionState['status']
