import type { AppNotice } from '../core/notices.ts'
import type { Fate, LogEntry, NewMessage, TakenCount } from '../core/ports.ts'
import type { ConnectionState } from '../core/public-state.ts'
import type { HubSettings } from '../core/settings.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { Cursor, Id, ResetReason } from '../protocol/messages.ts'

/**
 * What tab and hub say to each other over one port, as Comlink calls in both directions. Plain data only: no proxies,
 * no thrown errors, no callbacks. The page and the hub are written against this file and never against each other.
 */

/**
 * Version of this contract. A hub serves tabs of the versions from {@link OLDEST_BRIDGE_VERSION} to its own, and
 * refuses others with `version`.
 */
export const BRIDGE_VERSION = 1

/**
 * The oldest version a hub of this build still serves: raised with {@link BRIDGE_VERSION} only when an older tab could
 * not make sense of this hub.
 */
export const OLDEST_BRIDGE_VERSION = 1

/** Outcome of a call; errors cross as data. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorData }

/** A channel a tab wants, and how far it has been given messages; `null` for a newcomer. */
export interface TabPosition {
  readonly channel: string
  readonly position: Cursor | null
  /**
   * Rises with every subscription of the page. Deliveries name it, so that what is on its way for an earlier one is not
   * taken for this one's.
   */
  readonly round?: number
}

/**
 * A tab introduces itself, or states anew where it is (after a page came back, or to a new hub). Replaces all it said
 * before.
 */
export interface AttachRequest {
  readonly bridge: number
  readonly tab: Id
  /**
   * Rises with every attach of the page: ports have no order among each other, and one that was overtaken must not end
   * its successor.
   */
  readonly attempt: number
  /** Name of a Web Lock this tab already holds until it dies. */
  readonly lock: string
  readonly settings: HubSettings
  /**
   * The page has found that no hub sees that lock: this one is to take the tab all the same, and the port alone tells
   * whether either lives.
   */
  readonly apart?: boolean
  /**
   * The page has been attached before. Its settings were agreed with then, and may be those of an older build: the
   * hub's hold.
   */
  readonly returning?: boolean
  readonly visible: boolean
  /** Whether this tab can be asked for a credential. */
  readonly canAuthenticate: boolean
  readonly channels: readonly TabPosition[]
  /** Whether the tab wants {@link OutboxView}s. */
  readonly watchesOutbox: boolean
  /** Whether the tab wants the hub's lines for developers. */
  readonly wantsLog?: boolean
  /** Ids of queued messages whose final fate the tab still waits for. */
  readonly unsettled: readonly Id[]
  /**
   * The sign-outs that a hub has told this tab of; absent before it was told. A tab that did not run while its user
   * left learns it by this.
   */
  readonly signOuts?: number
}

/** What the hub answers. */
export interface AttachAnswer {
  readonly bridge: number
  /** Random per worker start: another one means another hub, even behind the same port. */
  readonly instance: Id
  /** Name of a Web Lock the hub holds until it dies. */
  readonly lock: string
  /**
   * The hub does not see the tab's lock, so the tab does not see the hub's either. The tab is attached only if it has
   * asked for that.
   */
  readonly apart?: boolean
}

/** A parked message that is to be tried again, as a new one. */
export interface RetriedMessage {
  readonly id: Id
  readonly retryOf: Id
}

/** A message that a tab hands over: what it says, or which parked message it repeats. */
export type HandedMessage = Pick<NewMessage, 'id' | 'channel' | 'json'> | RetriedMessage

/**
 * What became of each message of a `send`, in order: queued, already ended under this id, or failed. With `taken`
 * nothing was done with any of them, for the tab named another store than the hub's: it hands them over once more, as
 * for the first time, naming this count.
 */
export type SendAnswer =
  | { readonly queued: true }
  | { readonly ended: Fate }
  | { readonly error: ErrorData }
  | { readonly taken: TakenCount }

/**
 * What happens to a page. `suspended`: it will not run (frozen, or in the back–forward cache); nothing is posted to it
 * until it attaches again. The last four change what it said of itself when it attached: whether it can be asked for a
 * credential, and wants the hub's lines.
 */
export type TabSignal =
  | 'visible'
  | 'hidden'
  | 'online'
  | 'offline'
  | 'suspended'
  | 'retry'
  | 'watch-outbox'
  | 'unwatch-outbox'
  | 'has-token'
  | 'no-token'
  | 'wants-log'
  | 'no-log'

/** What a tab may ask of the hub. Every call may be made again; none throws. */
export interface HubApi {
  attach(request: AttachRequest): Promise<Result<AttachAnswer>>
  subscribe(channels: readonly TabPosition[]): Promise<Result<null>>
  unsubscribe(channels: readonly string[]): Promise<Result<null>>
  /**
   * Answers when the messages are in the outbox for good. `since` is what the tab had heard before it handed them over
   * first, to whatever hub; `isAgain` says that it did so before and was not answered. Then what is not remembered is
   * queued only when the store remembers everything since, and fails with `may-repeat` otherwise.
   */
  send(messages: readonly HandedMessage[], since: TakenCount, isAgain: boolean): Promise<Result<readonly SendAnswer[]>>
  /**
   * Sends at once or not at all: `not-connected` when there is no connection, `dropped` when they may not go out now.
   */
  sendVolatile(messages: readonly NewMessage[]): Promise<Result<null>>
  /** `already-sent` when it may have left, `not-found` when it is not held. */
  cancel(id: Id): Promise<Result<null>>
  /** Forgets a parked message. */
  discard(id: Id): Promise<Result<null>>
  /** A listener of the app has run for each of these notices: they are forgotten. */
  heard(notices: readonly Id[]): Promise<Result<null>>
  signal(signal: TabSignal): Promise<Result<null>>
  /**
   * The user leaves; with `park` the messages that wait stay stored. Every other tab is told. A tab that calls again
   * while this is under way gets the same answer.
   */
  signOut(park: boolean): Promise<Result<SignedOut>>
  /**
   * `closed` when the tab is not attached, or not any more. `handed` is how many batches this tab was handed since it
   * attached; older hubs do not say.
   */
  ping(): Promise<Result<{ readonly instance: Id; readonly handed?: number }>>
  detach(): Promise<Result<null>>
}

/** What the hub may ask of a tab. */
export interface TabApi {
  /** Hands over what is new. The return is the credit for the next batch. */
  deliver(batch: Delivery): Promise<null>
  /** A fresh credential from the app. */
  credential(): Promise<Result<string | null>>
}

/** Everything that is new for one tab since the last batch; absent means unchanged. */
export interface Delivery {
  readonly state?: ConnectionState
  readonly channels?: readonly ChannelDelivery[]
  readonly fates?: readonly (Fate | { readonly id: Id; readonly fate: 'sent' })[]
  readonly outbox?: OutboxView
  /** What the app is to be told, once by each tab, though it may be handed over by every hub. */
  readonly notices?: readonly AppNotice[]
  /** How often the users of this store have signed out before; goes with the state. */
  readonly signOuts?: number
  /** What the hub's store has taken so far; goes with the state. */
  readonly taken?: TakenCount
  /** The user has left, in another tab. The last that this tab is told. */
  readonly signedOut?: true
  /** Storage or another part of the hub failed in a way no call could tell. */
  readonly errors?: readonly ErrorData[]
  /** The hub's lines for developers, the newest of them. */
  readonly log?: readonly LogEntry[]
}

/** What became of a user's traces when the user left. */
export interface SignedOut {
  /**
   * Messages that were neither confirmed nor ended, and were forgotten. With `park` only those are that were in memory
   * alone.
   */
  readonly discarded: number
  /**
   * Whether the server ended the session; `null` when it was asked to and did not answer. If not, it ends by itself,
   * when its time to live is over (24 h by default).
   */
  readonly serverTold: boolean | null
}

/** What is new in one channel. To be handled in the order of the fields. */
export interface ChannelDelivery {
  readonly channel: string
  /** As the tab said when it subscribed. */
  readonly round?: number
  /** Set on every delivery that moves the tab: where it is after the messages. */
  readonly position?: Cursor
  /** What the tab has is no longer continued; a snapshot or a start follows, maybe later. */
  readonly reset?: ResetNotice
  /** A value to start from. Its `json` is absent where the channel has no snapshots. */
  readonly snapshot?: SnapshotDelivery
  /** JSON text of an array of published messages, gapless, next after the tab's position. */
  readonly messages?: string
  /** The tab now has all that was published while the connection was down: this many. */
  readonly recovered?: number
  /** The server refused the channel; it has ended for this tab. */
  readonly refused?: ErrorData
}

/** Why a channel's continuity was lost, and which offsets are known to be missing. */
export interface ResetNotice {
  readonly reason: ResetReason
  readonly from?: number
  readonly to?: number
}

/** A value of a channel. */
export interface SnapshotDelivery {
  readonly json?: string
  /** Wall-clock time the hub received it. */
  readonly atMs: number
  /** The hub is not connected, so there may be newer data. */
  readonly stale: boolean
}

/** A message that waits to be confirmed. */
export interface PendingMessage {
  readonly id: Id
  readonly channel: string
  /** Wall-clock time it was taken. */
  readonly atMs: number
  /** It may have left this machine: it can no longer be cancelled. */
  readonly possiblySent: boolean
  readonly json: string
}

/** A message that ended without effect and waits for the app. */
export interface ParkedView {
  readonly id: Id
  readonly channel: string
  /** Wall-clock time it was taken. */
  readonly atMs: number
  readonly fate: 'rejected' | 'expired'
  /** `expired`, `may-repeat`, or a sentence: the text of `Rejected`, or what the server or the hub says. */
  readonly reason: string
  readonly json: string
}

/** The outbox as tabs see it: all counts, and the oldest entries of each kind (at most 100). */
export interface OutboxView {
  readonly pendingCount: number
  readonly parkedCount: number
  readonly pending: readonly PendingMessage[]
  readonly parked: readonly ParkedView[]
}
