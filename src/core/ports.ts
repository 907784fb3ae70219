import type { Cursor, Id, RejectionReason, ReplyLoss, SessionKey } from '../protocol/messages.ts'
import type { AppNotice, Disagreement } from './notices.ts'

/** Time, as pages and workers see it. */
export interface Clock {
  /** Wall-clock milliseconds. May jump either way; differences only serve to notice sleep. */
  nowMs(): number
  /** Runs `run` once after `delayMs`; returns how to cancel it. */
  setTimer(delayMs: number, run: () => void): () => void
}

/** Time of a worker that ages things. */
export interface SteadyClock extends Clock {
  /**
   * What the wall clock would show if nobody had moved it since this worker began: its time then, and the milliseconds that have passed. It may stand still while the
   * machine sleeps.
   */
  steadyMs(): number
}

/** Chance, as the core sees it. */
export interface Random {
  /** Uniform in [0, 1), for delays only. */
  fraction(): number
  /** A fresh 128-bit id from a secure source. */
  id(): Id
}

/** A line for developers. Never holds a payload, a credential or a token. */
export interface LogEntry {
  readonly level: 'error' | 'info' | 'debug'
  readonly event: string
  readonly [detail: string]: string | number | boolean | null | undefined
}

/** Where lines for developers go. */
export type Log = (entry: LogEntry) => void

/** What one WebSocket tells its owner. Nothing is told after `closed`. */
export interface SocketListener {
  opened(): void
  /** A text frame. A binary frame is told as `null`. */
  frame(text: string | null): void
  closed(code: number): void
}

/** One WebSocket, opening or open. */
export interface Socket {
  send(text: string): void
  /** Bytes accepted by `send` that the network has not taken yet. */
  bufferedBytes(): number
  /** Ends it now; `closed` is not told for a socket that its owner closed. */
  close(code: number, reason: string): void
}

/** Opens WebSockets to the one address of the scope. Never throws and tells nothing before it returns: a socket that cannot be made is told as closed. */
export type OpenSocket = (listener: SocketListener) => Socket

/** A message of the outbox as it is stored. A tombstone keeps its number and id and nothing else. */
export interface OutboxEntry {
  readonly n: number
  readonly id: Id
  readonly channel: string
  /** `data` as JSON text, encoded once, in the tab. Empty in a tombstone. */
  readonly json: string
  /** When the store took it, by the store's time ({@link Store.timeMs}). */
  readonly atMs: number
  /** Set in a tombstone: why nothing is sent but the number. `settled`: its fate was learnt by `recall`. */
  readonly skip?: 'cancelled' | 'expired' | 'settled'
  /** It may already have been applied under an earlier client id. Sent along, and told to the app. */
  readonly mayRepeat?: true
  /** Earlier client ids under which it may have been applied and that the server was not asked about yet. Not sent before. */
  readonly recall?: readonly Id[]
}

/**
 * How many message ids a store had taken. A store that has forgotten nothing it took since can tell whether it was handed a message after that; `memory` is another
 * one as soon as a store cannot know what it took before.
 */
export interface TakenCount {
  readonly memory: Id
  readonly taken: number
}

/** A message that has no number yet. */
export interface NewMessage extends Pick<OutboxEntry, 'id' | 'channel' | 'json'> {
  /** It was handed over before, and that was not answered: what its sender had heard before the first time. */
  readonly since?: TakenCount
}

/** The run of numbers of one client id. */
export interface OutboxState {
  readonly client: Id
  /** Who sends, whatever client id the outbox has. Known to the server alone: see `sender` of `Hello`. */
  readonly sender: Id
  /** The ledger that the numbers were last agreed with; `null` before the first contact. */
  readonly ledger: Id | null
  /** Client records that ledger had made before anything was sent to it: one of this client id came after them. */
  readonly since: number
  /** The number the next message gets. */
  readonly next: number
  /** Highest number with a stable ack, and the message id there (empty when 0). */
  readonly acked: number
  readonly ackedId: Id | ''
  /** Every number up to here may have left this machine. Raised before the first byte goes out. */
  readonly sentThrough: number
  /** Numbers `acked + 1` to `next - 1`, without gaps. */
  readonly entries: readonly OutboxEntry[]
}

/** How a message ended. */
export type Fate =
  /** `replyLost`: there was a reply, and why it cannot be given; `forgotten`: nobody remembers it. */
  | { readonly id: Id; readonly fate: 'applied'; readonly replyJson?: string; readonly replyLost?: ReplyLoss | 'forgotten' }
  | { readonly id: Id; readonly fate: 'rejected'; readonly reason: RejectionReason | 'may-repeat'; readonly message: string }
  | { readonly id: Id; readonly fate: 'expired' | 'cancelled' }

/** Why this side ends a message: the app's wish, its age (`may-repeat` where it may have been applied), or a frame the server would not take. */
export type BurialReason = 'cancelled' | 'expired' | 'may-repeat' | 'too-large'

/** A message that ended without effect and waits for the app to discard it or try again. */
export interface ParkedMessage {
  readonly id: Id
  readonly channel: string
  readonly json: string
  /** As of the entry it was. */
  readonly atMs: number
  readonly fate: 'rejected' | 'expired'
  readonly reason: string
}

/** What it takes to send the outbox without a tab. */
export interface StoredSendOnly {
  /** Address of the socket, `ws:` or `wss:`, without a query. */
  readonly url: string
  /** The outbox token of this client id. A secret. */
  readonly token: string
  /** Whose outbox it is. */
  readonly user: string | null
}

/** What is known of who this browser is to the server. What is left out stays as it is: an answer without a session says nothing of it. */
export interface StoredIdentity {
  readonly session?: SessionKey
  readonly ledger: Id
  /** As in {@link OutboxState}. */
  readonly since: number
  /** What has been sent, as far as the hub and the server remember: a store that went back forgot that it raised its mark. */
  readonly sentThrough: number
  /** `null`: this server takes no outbox without a session. */
  readonly sendOnly?: StoredSendOnly | null
}

/** Everything a hub reads when it starts. */
export interface StoredState {
  readonly session: SessionKey | null
  /** As of the last answer to `hello` of this client id; `null` before the first. */
  readonly sendOnly: StoredSendOnly | null
  readonly outbox: OutboxState
  readonly parked: readonly ParkedMessage[]
  /** What the app must be told and no listener has heard. */
  readonly notices: readonly AppNotice[]
  readonly channels: readonly CachedChannel[]
  /** How often users of this store have signed out. */
  readonly signOuts: number
  /** Stored data was found that could not be trusted; it was set aside, and the client id is new. */
  readonly corrupt: boolean
}

/** A cached message: `json` is the text of the whole published message. */
export interface CachedMessage {
  readonly offset: number
  readonly id: Id
  readonly json: string
}

/** A cached value of a channel as of `cursor`. */
export interface CachedSnapshot {
  readonly cursor: Cursor
  readonly json: string
  /** Wall-clock time it was received. */
  readonly atMs: number
}

/** What the cache holds of one channel: a value, and messages without gaps up to `cursor`. */
export interface CachedChannel {
  readonly channel: string
  readonly cursor: Cursor
  readonly snapshot: CachedSnapshot | null
  readonly messages: readonly CachedMessage[]
}

/** A change of one cached channel. Cursor and what it covers are stored in one transaction. */
export interface CacheChange {
  readonly channel: string
  readonly cursor: Cursor
  /** A new value; `null` removes it; absent leaves it. */
  readonly snapshot?: CachedSnapshot | null
  /** Everything kept before this change is dropped first (a new epoch or a reset). */
  readonly clear?: true
  readonly append: readonly CachedMessage[]
  /** Messages below this offset are no longer needed. They may be kept a little longer. */
  readonly keepFrom: number
}

/** Outbox bounds. A store refuses an `append` that would exceed them with `outbox-full`, storing none of it. */
export interface OutboxLimits {
  readonly maxMessages: number
  /** UTF-16 units of JSON text. */
  readonly maxBytes: number
}

/**
 * The durable memory of one scope. Every method is one transaction: it either happened or it threw a `HoldfastError` with code `storage-failed`,
 * `storage-full`, `storage-newer` or `storage-corrupt`, and nothing changed. Writes of an owner whose lease was taken over throw `storage-failed` and change nothing.
 * Calls take effect in the order they were made, and are answered in that order.
 */
export interface Store {
  /** Whether what is written outlives the worker. */
  readonly durable: boolean
  /** Takes the lease and reads everything. Called once, first. */
  open(): Promise<StoredState>
  /** Remembers the answer to `hello`, and raises `sentThrough` to what was learnt from it. Called before anything of the outbox is sent on that connection. */
  saveIdentity(identity: StoredIdentity): Promise<void>
  /**
   * Gives the messages the next numbers and stores them, number and record together. Message ids that are already stored keep their entry and are not stored again.
   * With `sent` the new numbers count as possibly sent from the start. A message with `since` that is neither held nor remembered is stored only when the memory
   * {@link Store.reaches}.
   * @returns the stored entries in the order of `messages`, under the client id they belong to; `null` for one that has ended ({@link Store.fatesOf} says how), or of which
   * nobody knows whether it has.
   */
  append(
    messages: readonly NewMessage[],
    sent: boolean,
  ): Promise<{ readonly client: Id; readonly entries: readonly (OutboxEntry | null)[] }>
  /** Raises `sentThrough`; never lowers it. */
  raiseSentThrough(n: number): Promise<void>
  /** Turns entries into tombstones and records their fates; parked copies are kept of all but the cancelled ones. */
  bury(numbers: readonly number[], why: BurialReason): Promise<void>
  /** Records a stable ack: removes entries up to `through`, raises `acked`, records fates with the time, parks rejected messages. */
  settle(through: number, id: Id, fates: readonly Fate[]): Promise<void>
  /**
   * Records what `recall` told: known messages become tombstones with that fate, unknown ones lose the asked client id from `recall` and, when `hold` is false, gain
   * `mayRepeat`; when `hold` is true they are parked as `may-repeat`. What may repeat is noted with it. @returns all notices
   */
  recalled(client: Id, asked: readonly Id[], fates: readonly Fate[], hold: boolean): Promise<readonly AppNotice[]>
  /**
   * Restarts the outbox in one transaction (see `restartOutbox` in the core, which says what becomes of each entry), and notes for the app why, and what was confirmed in the last
   * ten minutes and not named before, if the server may have lost it. When this store may have gone back its memory begins anew. @returns the outbox and all notices
   */
  restart(newClient: Id, why: Disagreement): Promise<{ readonly outbox: OutboxState; readonly notices: readonly AppNotice[] }>
  /**
   * Notes what this side found out by itself; a notice that is there is replaced. With it keeps what was parked in a store that was lost, `atMs` in this store's time; the
   * limits do not count for it. @returns all notices
   */
  note(notices: readonly AppNotice[], parked?: readonly ParkedMessage[]): Promise<readonly AppNotice[]>
  /** A listener of the app has run for each of these. Unknown ids are ignored. @returns the notices that are left */
  heard(ids: readonly Id[]): Promise<readonly AppNotice[]>
  /** Forgets a parked message. Unknown ids are ignored. */
  unpark(id: Id): Promise<void>
  /** The fates of these ids, as far as they are remembered. */
  fatesOf(ids: readonly Id[]): Promise<readonly Fate[]>
  /**
   * The time by which the store stamps messages, and by which they age: it goes on with the steady clock of whoever has it open, and from one to the next with the wall
   * clock. Right when the store is open.
   */
  timeMs(): number
  /** What the memory has taken so far. Known when the store is open. */
  taken(): TakenCount
  /** Whether everything that was taken after `since` is held or remembered. */
  reaches(since: TakenCount): boolean
  /** Stores changes of the cache. */
  saveCache(changes: readonly CacheChange[]): Promise<void>
  /** Forgets cached channels. */
  dropCache(channels: readonly string[]): Promise<void>
  /**
   * The user leaves: in one transaction forgets session, outbox, fates, parked messages, notices and cache, and counts the sign-out. With `park` messages and notices stay, under the
   * new client id, and what may have been sent is to be asked about under the old one. Nothing can be stored any more when it resolves.
   * @returns how many messages without a fate were forgotten.
   */
  signOut(newClient: Id, park: boolean): Promise<number>
  /** Called when the browser took the storage away (deleted, evicted, closed for good). Calls made after that throw. */
  onLost(listener: (why: string) => void): void
  /** Called when a call was refused because another hub has taken the lease over: this one owns nothing any more. */
  onFenced(listener: () => void): void
  close(): void
}
