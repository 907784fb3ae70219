import type { LogEntry } from '../core/ports.ts'
import type { AnnouncedLimits, Heartbeat, HistoryLimits, Id, Cursor } from '../protocol/index.ts'
import type { Awaitable, Engine } from './engine.ts'
import type { Clock, Random, UpgradeRequest } from './ports.ts'
import type { Portions } from './shares.ts'

/**
 * Who a connection belongs to. What else `authenticate` gives (roles, a tenant) reaches the other hooks as their
 * `context`.
 */
export interface Authenticated {
  /** The user's id, 1 to 256 characters; `null` for somebody who is nobody in particular. */
  readonly user: string | null
  /** When the credential ends, in milliseconds since 1970. A minute before, the client is asked for a fresh one. */
  readonly expiresAtMs?: number
}

/** What `authenticate` gave besides who it is and until when. */
export type ContextOf<A extends Authenticated> = A extends unknown ? Omit<A, keyof Authenticated> : never

/** What a connection may be asked about. */
export interface Permission<A extends Authenticated = Authenticated> {
  readonly user: string | null
  /** Names the session, for `disconnect`. `null` where the connection only sends. */
  readonly session: Id | null
  /**
   * As of the last credential; `{}` without `authenticate`. `null` where the connection only sends, unless
   * `authorizeOutbox` gave one.
   */
  readonly context: ContextOf<A> | null
  readonly channel: string
  readonly action: 'subscribe' | 'send'
}

/** What the app's `onMessage` gets. */
export interface IncomingMessage {
  /**
   * Deduplicate side effects of your own by it: the same in every repetition, whatever client id it comes under and
   * whatever has restarted meanwhile, and nobody else can send a message with it. 43 characters of base64url.
   */
  readonly key: string
  /**
   * The message's id, as its sender chose it and everybody hears it who reads what was published. Somebody else may
   * send a message with the same one.
   */
  readonly id: Id
  /** The message's number; absent in a message that is not durable. */
  readonly n?: number
  /** The client id it came under. */
  readonly client: Id
  readonly channel: string
  readonly data: unknown
  /** Whether the message is numbered, stored by the client, and retried. */
  readonly durable: boolean
  /** Client and server have lost the memory of whether this message was applied before. */
  readonly mayRepeat: boolean
}

/** What `onMessage` may do besides returning its reply. Nothing of it works after the handler has ended. */
export interface MessageContext<A extends Authenticated = Authenticated> {
  readonly user: string | null
  /** As in {@link Permission}. */
  readonly session: Id | null
  /** As in {@link Permission}. */
  readonly context: ContextOf<A> | null
  /** Aborted when the handler has taken too long or the server closes. */
  readonly signal: AbortSignal
  /**
   * Publishes to a channel together with the message's number: everything or nothing. Throws `invalid-data`,
   * `message-too-large`, `closed`, and `storage-full` or `invalid-option` where the channel cannot be made.
   */
  readonly publish: (channel: string, data: unknown) => void
  /** The same for what goes to one user. */
  readonly sendToUser: (user: string, data: unknown) => void
}

/** Limits of one server. All of {@link AnnouncedLimits} but the history, and those that a client need not know. */
export interface ServerLimits extends Omit<AnnouncedLimits, 'history'> {
  /** Bytes that may wait for one socket before its receivers are left at their places. Default 1 MiB. */
  readonly outboundBytes: number
  /** Time for `hello` after the upgrade, unless 1 KiB a second of it comes. Default 10 s. */
  readonly helloMs: number
  /** Time in which less than 1 KiB a second may pass, either way, though there is more. Default 30 s. */
  readonly slowConsumerMs: number
  /** Sockets whose `hello` was not answered yet; a further upgrade is refused with 503. Default 10,000. */
  readonly waitingSockets: number
  /**
   * Bytes that all sockets together may bring before their `hello` is answered; beyond it the one that brought about
   * most is closed. Default 64 MiB.
   */
  readonly waitingBytes: number
  /** Subscriptions of all connections together; a further one is refused. Default 500,000. */
  readonly subscriptions: number
  /**
   * Values a connection may be given per second, averaged, where one `snapshot` call may serve several; what comes too
   * often waits. At once it may have four times `channels`. All anonymous connections together may have ten times as
   * many, and ten times `channels` at once, with `authenticate`. Default 100.
   */
  readonly snapshotsPerSecond: number
  /** Sockets of one address, where `addressOf` names it; a further upgrade is refused with 429. Default 200. */
  readonly addressSockets: number
  /** New sockets of one address, at once and per minute; a further upgrade is refused with 429. Default 600. */
  readonly addressSocketsPerMinute: number
  /**
   * Times one session may be resumed, at once and per minute; then its newcomers are closed, and the live connection
   * goes on. Default 60.
   */
  readonly resumesPerMinute: number
  /**
   * What all anonymous connections together may have of any budget, in percent. Default 25; 100 without `authenticate`.
   */
  readonly anonymousPercent: number
  /**
   * What one user may have of any budget over all connections, in percent, and what one anonymous address (one client,
   * where `addressOf` names none). Default 6. A few things, about 16, everybody may have.
   */
  readonly sharePercent: number
  /** Connections that only send, at a time, and one of each client; a further one is closed. Default 100. */
  readonly sendOnly: number
  /** Connections of one client that only send, at once and per minute; a further one is closed. Default 60. */
  readonly sendOnlyPerMinute: number
}

/** How long sessions and client records are kept, and how many. */
export interface SessionOptions {
  /** Time a session outlives its connection. Default 24 h. */
  readonly ttlMs: number
  /**
   * Time a client's numbers are remembered after their last use. Default 30 days; longer than any client keeps a
   * message.
   */
  readonly clientTtlMs: number
  /**
   * How often what has lived out its time is removed. Default 60 s, and never less often than half of the shorter time
   * to live.
   */
  readonly sweepMs: number
  /** Most sessions kept. Default 100,000. */
  readonly max: number
  /**
   * Bytes of what is remembered of clients, with the replies that they have not confirmed. Beyond it records that
   * nobody uses are given up: such a client's outbox restarts. Default 256 MiB.
   */
  readonly recordBytes: number
}

/**
 * Options of `createLiveServer`. All are optional, but `authorize` where `authenticate` is given.
 * @typeParam A what `authenticate` gives
 */
export interface LiveServerOptions<A extends Authenticated = Authenticated> {
  /**
   * Says whose the credential is; `{ user: null }` lets somebody in who is nobody in particular. `null`
   * refuses the connection (4401); throwing a `HoldfastError` with `forbidden` says that this user may not connect
   * (4403). Throwing anything else refuses (4401), too, and is an error in the log. Without this hook everybody is anonymous.
   */
  readonly authenticate?: (hello: { readonly credential: string | null; readonly request: UpgradeRequest }) => Awaitable<A | null>
  /**
   * The address a request comes from, for the limits per address; `undefined` when it cannot be told, and then none
   * applies. Without this hook there are none: behind a proxy only the app knows which header to believe. Give one
   * string for a whole IPv6 /64. Throwing, or giving anything else, refuses (503).
   */
  readonly addressOf?: (request: UpgradeRequest) => string | undefined
  /**
   * Says what a user may do. Asked at each subscription, for each message sent, and of every channel that is read when
   * a credential was renewed. Throwing refuses; at a renewal it refuses the second time in a row: until then the right
   * holds, and the log says so. Must be given where `authenticate` is: `() => true` allows everything. Without both,
   * everything is allowed.
   */
  readonly authorize?: (permission: Permission<NoInfer<A>>) => Awaitable<boolean>
  /**
   * Whether a client may send what is left in its outbox when no tab is open, on the strength of a token it is given
   * with every session. The token lives as long as messages may wait for it (`sessions.clientTtlMs`), and with
   * `'until-credential-ends'` no longer than the credential. `authorize` is asked for
   * each message as ever. Default true.
   */
  readonly sendOnly?: boolean | 'until-credential-ends'
  /**
   * Whether this user may still send what is left in this client's outbox: asked when a client comes with a token,
   * before it is heard. Gives `true`, or the `context` for the other hooks. `false` and `null` refuse it (4403) and
   * leave the messages where they are; throwing puts it off (1011). Default: whose token was not revoked may.
   */
  readonly authorizeOutbox?: (outbox: {
    readonly user: string | null
    readonly client: Id
  }) => Awaitable<ContextOf<NoInfer<A>> | boolean | null>
  /**
   * The full value of a channel, at `head` or later; `undefined` when the channel has none. Callers share one value, so
   * it must not depend on who asks: `user` and `context` are given for the channel `@user` alone. Arrives as what
   * `JSON.stringify` makes of it: a `Map` as `{}`.
   */
  readonly snapshot?: (
    channel: string,
    at: { readonly head: Cursor; readonly user: string | null; readonly context: ContextOf<NoInfer<A>> | null },
  ) => unknown
  /**
   * Applies a message. What it returns is the reply; it arrives as what `JSON.stringify` makes of it. Without this hook
   * every message is rejected as `forbidden`.
   */
  readonly onMessage?: (message: IncomingMessage, context: MessageContext<NoInfer<A>>) => unknown
  /**
   * Origins that may connect, or `'*'`. Default: the host that the request itself names. Extensions and app shells have
   * origins, too, such as `capacitor://localhost`; `null` and `file://` cannot be listed. Programs that are no browser send none and may connect.
   */
  readonly allowedOrigins?: readonly string[] | '*'
  /**
   * How much of a channel is kept; a function decides per channel, at once (`undefined`: the defaults), and costs that
   * channel alone where it fails. Ages are counted by `clock.nowMs`. Default 1,000 messages, 4 MiB, 24 h.
   */
  readonly history?: Partial<HistoryLimits> | ((channel: string) => Partial<HistoryLimits> | undefined)
  readonly sessions?: Partial<SessionOptions>
  readonly limits?: Partial<ServerLimits>
  readonly heartbeat?: Partial<Heartbeat>
  /** Where logs, sessions and client records are kept. Default `memoryEngine()`. An engine belongs to one server. */
  readonly engine?: Engine
  /**
   * Takes lines for developers. They never hold a payload, a credential or a token. Default: those of level `error` go
   * to `console.error`.
   */
  readonly log?: (entry: LogEntry) => void
  /** Time, for tests. */
  readonly clock?: Clock
  /** Ids and tokens, for tests. */
  readonly random?: Random
}

/** What `authenticate` gives, for who only passes it on. */
export interface Loose extends Authenticated {
  readonly [more: string]: unknown
}

/** The options with every default filled in. */
export interface Settings {
  readonly hooks: Pick<LiveServerOptions<Loose>, 'authenticate' | 'addressOf' | 'authorize' | 'authorizeOutbox' | 'snapshot' | 'onMessage'>
  readonly sendOnly: boolean | 'until-credential-ends'
  readonly allowedOrigins: readonly string[] | '*' | undefined
  readonly history: (channel: string) => HistoryLimits
  readonly announced: AnnouncedLimits
  readonly limits: ServerLimits
  readonly portions: Portions
  readonly sessions: SessionOptions
  readonly heartbeat: Heartbeat
  readonly engine: Engine
  readonly log: (entry: LogEntry) => void
  readonly clock: Clock
  readonly random: Random
}
