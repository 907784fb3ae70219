import type { AnnouncedLimits, Heartbeat } from './limits.ts'
import type { Cursor, Id, PublishedMessage, SessionKey } from './message-parts.ts'

/** How far back a server remembers the clients it had a record of. Counted, so that no clock has a part in it. */
export interface Reach {
  /** Client records made under this ledger so far. */
  readonly made: number
  /** The last of them, counted in the order they were made, that was given up; 0 when none was. */
  readonly forgotten: number
}

/** What every answer to `hello` says. */
export interface Answer {
  readonly protocol: number
  readonly user: string | null
  readonly ledger: Id
  /**
   * What the server remembers of the client: its highest committed number and the message id there; `null` when
   * nothing.
   */
  readonly client: { readonly hi: number; readonly id: Id } | null
  /** Tells a client without a record whether it may have had one. */
  readonly reach: Reach
  /**
   * Highest number that came before and may still be applied, though it is not committed. Absent when there is none.
   */
  readonly begun?: number
  readonly limits: AnnouncedLimits
  readonly heartbeat: Heartbeat
  /** What the server knows beside the messages: `parts` (PROTOCOL.md, P53). Others are ignored. */
  readonly features?: readonly string[]
}

/** What the answers that give a session say, too. */
export interface SessionAnswer extends Answer {
  /** Rises with every accepted `hello` of the session. */
  readonly connection: number
  /** Lets this client send its outbox later, without a session. Absent where the server takes none so. A secret. */
  readonly outboxToken?: string
}

/** A new session was made. */
export interface SessionInit extends SessionAnswer {
  readonly type: 'session_init'
  readonly session: SessionKey
}

/** The session in `hello` was resumed. */
export interface SessionRestored extends SessionAnswer {
  readonly type: 'session_restored'
  readonly session: { readonly id: Id }
}

/** The outbox token in `hello` was accepted: numbers may come, and nothing else. */
export interface SendOnly extends Answer {
  readonly type: 'send_only'
}

/** The verdict of a subscription. `head` is the channel's head at the moment the subscription was registered. */
export type Subscribed = {
  readonly type: 'subscribed'
  readonly sub: number
  readonly head: Cursor
} & (
  | {
      /** The cursor was good: `missed` messages up to `head` follow, then live ones. */
      readonly verdict: 'recovered'
      readonly missed: number
    }
  | {
      /**
       * The value as of `head` or later. With `follows` the log from `head` + 1 follows; without, the subscription goes
       * on undisturbed.
       */
      readonly verdict: 'snapshot'
      readonly value: unknown
      readonly follows: boolean
    }
  | {
      /**
       * This channel has no snapshots. With `follows` the log from `head` + 1 follows; without, a `snapshot_request` was
       * answered, and the subscription goes on undisturbed.
       */
      readonly verdict: 'start'
      readonly follows: boolean
    }
)

/** Messages up to the head announced in `subscribed`, in order, in bounded chunks. */
export interface MissedMessages {
  readonly type: 'missed_messages'
  readonly sub: number
  readonly messages: readonly PublishedMessage[]
}

/** Messages as they are published: several channels and many messages may share a frame. */
export interface Messages {
  readonly type: 'messages'
  readonly batches: readonly { readonly sub: number; readonly messages: readonly PublishedMessage[] }[]
}

/** Why a receiver's place could not be kept. */
export type ResetReason =
  /** The messages after the cursor are no longer kept; `from` to `to` are missing. */
  | 'trimmed'
  /** The channel began again: the server lost its log. */
  | 'epoch'
  /** The cursor is beyond the head, or another message stands at its offset: the server's log went back. */
  | 'diverged'
  /** The `snapshot` hook was too slow for what is kept, twice. The client tries again with backoff. */
  | 'too-slow'
  /** The `snapshot` hook failed. The client tries again with backoff. */
  | 'hook-failed'

/**
 * The place of a subscription is lost; a `subscribed` with a snapshot or a start follows, unless the reason says the
 * client retries.
 */
export interface Reset {
  readonly type: 'reset'
  readonly sub: number
  readonly reason: ResetReason
  /** First and last offset that are known to be missing, when they are known. */
  readonly from?: number
  readonly to?: number
}

/** Why a single channel was refused. */
export type RefusedReason =
  /** This user may not read the channel. */
  | 'forbidden'
  /** More channels than the server takes. */
  | 'limit'
  /** The `snapshot` hook gives what JSON cannot carry, or what is nested too deep. */
  | 'invalid'
  /** The value that the `snapshot` hook gives fits no frame. */
  | 'too-large'

/** This subscription ends here; the connection goes on. */
export interface Refused {
  readonly type: 'refused'
  readonly sub: number
  readonly reason: RefusedReason
  readonly message: string
}

/**
 * Why a value cannot be had. After `hook-failed` and `too-slow` the server tries again, after the others it does not.
 */
export type NoValueReason = Extract<ResetReason, 'too-slow' | 'hook-failed'> | Extract<RefusedReason, 'invalid' | 'too-large'>

/** The value that a `snapshot_request` asked for cannot be had; the subscription goes on undisturbed. */
export interface NoValue {
  readonly type: 'no_value'
  readonly sub: number
  readonly reason: NoValueReason
  readonly message: string
}

/** Why the server will not apply a message, now or later. */
export type RejectionReason =
  /** The app's handler threw `Rejected`. */
  | 'rejected'
  /** The app's handler failed on every try. */
  | 'failed'
  /** The app's handler publishes what cannot be published. It was not tried again. */
  | 'unpublishable'
  /** The user may not send to the channel. */
  | 'forbidden'
  /** The data is over the server's limit. */
  | 'too-large'

/** Why the reply to a message that was applied cannot be given. */
export type ReplyLoss =
  /** The handler returned what JSON cannot carry, or what is nested too deep. */
  | 'invalid'
  /** The reply is over `limits.messageBytes`. */
  | 'too-large'
  /** The server had no room to keep it, or to say it. */
  | 'dropped'

/** What became of one number. A number without an outcome was applied without a reply. */
export type Outcome =
  | { readonly n: number; readonly reply: unknown }
  | { readonly n: number; readonly replyLost: ReplyLoss }
  | { readonly n: number; readonly rejected: RejectionReason; readonly message: string }
  | { readonly n: number; readonly skipped: true }

/**
 * All numbers up to `hi` are committed; all up to `stable` survive what the engine promises, and `id` is the message id
 * at `stable`.
 */
export interface Ack {
  readonly type: 'ack'
  readonly hi: number
  readonly stable: number
  readonly id: Id | ''
  /** Outcomes of numbers up to `hi` that this connection was not told yet. */
  readonly outcomes: readonly Outcome[]
}

/** A number was skipped over: the next the server can apply is `n`. */
export interface Expected {
  readonly type: 'expected'
  readonly n: number
}

/** Number `n` is known under another message id. Nothing later on this connection is applied. */
export interface Conflict {
  readonly type: 'conflict'
  readonly n: number
}

/**
 * The server has no memory of a client whose numbering did not begin here. Nothing later on this connection is applied.
 */
export interface UnknownClient {
  readonly type: 'unknown_client'
}

/** What became of one message that was asked about. */
export type RecalledFate =
  | { readonly id: Id; readonly fate: 'applied'; readonly reply?: unknown }
  | { readonly id: Id; readonly fate: 'applied'; readonly replyLost: ReplyLoss }
  | { readonly id: Id; readonly fate: 'rejected'; readonly rejected: RejectionReason; readonly message: string }
  | { readonly id: Id; readonly fate: 'skipped' }

/** Answers one `recall`. Ids that are not listed are not known. */
export interface Recalled {
  readonly type: 'recalled'
  readonly client: Id
  readonly fates: readonly RecalledFate[]
}

/** The credential ends in `withinMs`: a fresh one is wanted before, or the connection is closed as unauthenticated. */
export interface AuthenticateRequest {
  readonly type: 'authenticate'
  readonly withinMs: number
}

/** A fresh outbox token: the one before ends with a credential that was renewed. A secret. */
export interface OutboxToken {
  readonly type: 'outbox_token'
  readonly outboxToken: string
}

/** Answers a `ping`. */
export interface Pong {
  readonly type: 'pong'
}

/** The server will close. The client comes back after a random time in the window. */
export interface Goodbye {
  readonly type: 'goodbye'
  readonly retryMinMs: number
  readonly retryMaxMs: number
}

/** Everything a server may send. */
export type ServerMessage =
  | SessionInit
  | SessionRestored
  | SendOnly
  | Subscribed
  | MissedMessages
  | Messages
  | Reset
  | Refused
  | NoValue
  | Ack
  | Expected
  | Conflict
  | UnknownClient
  | Recalled
  | AuthenticateRequest
  | OutboxToken
  | Pong
  | Goodbye
