import type { SignedOut } from '../bridge/contract.ts'
import type { ConnectionState } from '../core/public-state.ts'
import type { Channel } from './channel.ts'
import type { ConnectionEvents } from './connection-events.ts'
import type { LiveValue } from './live-value.ts'
import type { Outbox } from './outbox.ts'
import type { StorageFacts } from './storage-facts.ts'

/** One durable connection, shared by all tabs. */
export interface Connection {
  /** What the connection is doing. */
  readonly state: LiveValue<ConnectionState>
  /** What the server sends to this user alone. */
  readonly user: Channel
  /** What waits to be sent or decided about. */
  readonly outbox: Outbox
  /**
   * The channel `name`; the same name gives the same object. @throws HoldfastError `invalid-option` for a reserved name
   * (`@…`) or one that is none.
   */
  channel<Value = unknown, Event = unknown>(name: string): Channel<Value, Event>
  /**
   * Calls `listener` whenever it happens. @returns how to stop; an aborted `signal` does the same. @throws
   * HoldfastError `invalid-option` for a name or a listener that is none.
   */
  on<Name extends keyof ConnectionEvents>(
    name: Name,
    listener: (event: ConnectionEvents[Name]) => void,
    options?: ListenOptions,
  ): () => void
  /**
   * Tries now: cuts a wait short, and ends a refusal. After ten tries in a row there is one every 6 s, whoever asks.
   */
  retryNow(): void
  /**
   * What database, locks and sync tag of this connection are named by, after `holdfast:`. The same in every tab with
   * the same `url` and `user`.
   */
  scope(): Promise<string>
  /**
   * This `connect` is done with the connection: its `token` and `log` are not called any more, and a second call does
   * nothing. With the last one of a tab the tab is detached. Other tabs and the outbox go on; what this tab still waits
   * for is rejected with `closed`. From then on `retryNow` does nothing, and who listens or subscribes hears nothing.
   */
  close(): void
  /**
   * Ends the user's stay in this browser: sends what it can for at most five seconds, has the server end the session,
   * closes the connection in all tabs, and deletes the outbox and everything cached. Messages sent from now on are
   * refused with `closed`. To go on, `connect` again. Rejects with `invalid-option`, before anything is done, for an
   * option that is none; with `hub-timeout` when the storage does not open (nothing has happened then: try again), and
   * with `storage-failed`, `hub-failed` or `closed` when the user has left but it is not known whether everything was
   * deleted, or how many messages there were.
   */
  signOut(options?: SignOutOptions): Promise<SignedOut>
  /** What the browser says of the storage. Rejects with `storage-failed`. */
  storage(): Promise<StorageFacts>
}

/** How to sign out. */
export interface SignOutOptions {
  /**
   * Keeps the messages that wait, to be sent when this user signs in here again. Whoever can read this browser's files
   * can read them. @defaultValue false
   */
  readonly park?: boolean
}

/** How to listen. */
export interface ListenOptions {
  readonly signal?: AbortSignal
}
