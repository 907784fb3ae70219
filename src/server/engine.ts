import type { ChannelLog } from './channel-log.ts'
import type { ClientRecord, Fate } from './client-record.ts'
import type { Holder } from './holder.ts'
import type { Clock, Random } from './ports.ts'
import type { Portions } from './shares.ts'
import type { Cursor, HistoryLimits, Id, Reach } from '../protocol/index.ts'

/** A value, or a promise of it. A memory engine answers at once, and nothing then waits a turn. */
export type Awaitable<T> = T | Promise<T>

/** A message for a channel's log; `data` is JSON text. */
export interface Publication {
  /** A channel's name, or what `userChannelKey` makes of a user. */
  readonly key: string
  readonly data: string
}

/** One number to commit, with everything that commits with it. */
export interface Commit {
  readonly n: number
  readonly id: Id
  readonly fate: Fate
  /** What the handler published; each gets the message's id as its `origin`. */
  readonly publications: readonly Publication[]
}

/**
 * Why a channel cannot be made: no room for another one, or the app gives none that could be kept. Nothing was changed,
 * and it would be the same again.
 */
export type Refusal = 'no-room' | 'no-history'

/** A `hello` that was authenticated. */
export interface Admittance {
  /** The session the client names, when it names one. */
  readonly resume: { readonly id: Id; readonly tokenHash: string } | null
  readonly user: string | null
  /** What a new session gets, when the named one cannot be resumed. */
  readonly fresh: { readonly id: Id; readonly tokenHash: string }
  /** Whose share a new session takes. Left out: the user's, or the session's own. */
  readonly holder?: Holder
}

/** The session a connection belongs to from now on. */
export interface Admitted {
  readonly resumed: boolean
  readonly session: Id
  /** Rises with every admitted `hello` of the session. */
  readonly connection: number
}

/** Whose outbox tokens end: those of one client, or of every client of a user. */
export type Revoked = { readonly client: Id } | { readonly user: string }

/** What comes to an end before its time, on every node. */
export type Ending =
  /** The outbox tokens that were given so far; with a user's also the connections of that user. */
  | ({ readonly type: 'revoke' } & Revoked)
  /** The connections of a user, or the one of a session. */
  | { readonly type: 'disconnect'; readonly of: { readonly user: string } | { readonly session: Id }; readonly close: DisconnectReason }
  /** What a user reads of a channel. */
  | { readonly type: 'unsubscribe'; readonly user: string; readonly channel: string }

/** How a connection that the app ends is closed: see the close codes of the same names. */
export type DisconnectReason = 'unauthenticated' | 'forbidden'

/** What the server hands to its engine at the start. */
export interface EngineHost {
  /**
   * Ages and times to live are counted by `nowMs`. An engine that outlives the process has to keep the count itself:
   * the wall clock may be set.
   */
  readonly clock: Clock
  readonly random: Random
  /**
   * History of a channel; `@user` stands for every user's own channel. `null`: the app gives none that can be used.
   * Never throws.
   */
  readonly history: (channel: string) => HistoryLimits | null
  readonly sessionTtlMs: number
  readonly clientTtlMs: number
  /** Most sessions kept. */
  readonly maxSessions: number
  /** Most bytes of client records kept, with the replies that nobody has confirmed. */
  readonly recordBytes: number
  /** How every budget is shared out. */
  readonly portions: Portions
  /** Whether a connection of this node belongs to the session: it is in use, and is neither ended nor given up. */
  readonly isSessionUsed: (session: Id) => boolean
  /** The same for the record of a client whose connection, or whose numbers under way, are on this node. */
  readonly isClientUsed: (client: Id) => boolean
  /**
   * A channel's log has changed: messages were appended, or its epoch is another. Like the two below, called when
   * everything has changed.
   */
  readonly changed: (key: string) => void
  /** A newer connection of a session was admitted, here or on another node: older ones are fenced. */
  readonly fenced: (session: Id, connection: number) => void
  /**
   * Something was ended, here or on another node: told to every node before `end` answers. A node that cannot be
   * reached is told before it serves anybody again; one that cannot be told what it missed closes its connections.
   */
  readonly ended: (ending: Ending) => void
  /**
   * The record of this client has to make room, and is in use: its connection is to end. Called when everything has
   * changed.
   */
  readonly crowded: (client: Id) => void
  /** Something was dropped or refused: counted under this name. */
  readonly count: (name: string, times?: number) => void
}

/** Gauges of an engine. */
export interface EngineCounts {
  readonly sessions: number
  readonly clients: number
  readonly channels: number
  readonly logMessages: number
  readonly logBytes: number
  /** What client records take of `recordBytes`. */
  readonly recordBytes: number
}

/**
 * Where a server keeps logs, sessions and client records. Every method that changes something is atomic: whatever can
 * fail, and whatever of the host it calls, comes before the first change. An error, thrown or rejected with, or no
 * answer within 30 s (`start` may take longer), means that all of it happened or none, and that nobody knows which; the
 * server says so in its log (`engine_failed`, with the method), closes the connections concerned, and the clients ask
 * again. What nobody waits for (`release`, `touch`, `sweep`, `close`, a `confirm` that rejects) closes none. What can
 * never be done is no error but a refusal: an error that came again each time would have its message sent for ever.
 * `engines/engine-contract.ts` holds every engine to this.
 *
 * Reading is synchronous: `open` hands out a log that the engine keeps up to date, so that one node reads its channels
 * without
 * asking anybody.
 */
export interface Engine {
  /**
   * Called once, before anything else. What it throws, `createLiveServer` throws; where it rejects, every connection is
   * closed.
   */
  start(host: EngineHost): Awaitable<void>
  /** Names this engine's memory of client numbers; another id means that the memory is another. */
  readonly ledger: Id
  /** Which clients may have had a record that was given up, as of the last answer of `loadClient` or later. */
  readonly reach: Reach
  /** 256 random bits that live as long as the ledger: outbox tokens are signed with it. Never leaves the server. */
  readonly secret: string
  /** The log of a channel, kept up to date until `release`. */
  open(key: string): Awaitable<ChannelLog | Refusal>
  /** Nobody on this node reads the channel any more. */
  release(key: string): void
  /**
   * What a publication would find, were `others` more channels made with it: the channel, room for it, or a refusal.
   * Changes nothing and promises nothing. Where it fails, the commit finds out.
   */
  probe(key: string, others: number, holder?: Holder): 'known' | 'new' | Refusal
  /**
   * Appends all of them, or none; gives the place of each. New channels take the share of `holder`, left out: the
   * app's.
   */
  publish(publications: readonly Publication[], holder?: Holder): Awaitable<readonly Cursor[] | Refusal>
  loadClient(client: Id): Awaitable<ClientRecord | null>
  /**
   * Commits the next numbers of a client with what was published, all or none, makes the record when there is none, and
   * returns it. `behind`: the numbers are not the
   * next ones, because another node has committed meanwhile. Record and new channels take the share of `holder`; left
   * out: the user's, or the client's own.
   */
  commit(client: Id, user: string | null, commits: readonly Commit[], holder?: Holder): Awaitable<ClientRecord | 'behind' | Refusal>
  /** The client has stored the stable acks up to `n`. */
  confirm(client: Id, n: number): void
  /**
   * How many revocations there were so far, as `ended` has told this node. A node that does not know of the latest
   * makes tokens that end too early, never too late.
   */
  readonly revocations: number
  /**
   * Tells every node what ends. A `revoke` counts as one more revocation first, and is remembered: tokens that were
   * given before it are worth nothing any more, those given later are good.
   */
  end(ending: Ending): Awaitable<void>
  /**
   * Which revocation, counted from 1, was the last that ended tokens of this client and user; 0 when there was none.
   * Where one is not remembered any more, the last that is
   * forgotten stands for it: forgetting must never make a revoked token good again.
   */
  revokedAt(client: Id, user: string | null): Awaitable<number>
  /** Resumes a session or makes one, and raises its connection number. `null`: no room for another session. */
  admit(admittance: Admittance): Awaitable<Admitted | null>
  /** Ends a session: it cannot be resumed any more. One that is not known is ignored. */
  forget(session: Id): Awaitable<void>
  /** These sessions and clients are in use now, or were until now: their time to live begins anew. */
  touch(sessions: readonly Id[], clients: readonly Id[]): void
  /** Drops what has lived out its time since it was last used. */
  sweep(): void
  /** Where it fails, the server's gauges are `NaN`. */
  counts(): EngineCounts
  close(): Awaitable<void>
}

/** The log key of what is sent to a user. No channel name has a space in it. */
export function userChannelKey(user: string): string {
  return `@user ${user}`
}

/** The channel's name as the app and the wire know it. */
export function channelOfKey(key: string): string {
  return key.startsWith('@user ') ? '@user' : key
}
