import type { Id, NumberedMessage } from './message-parts.ts'
import type { Outcome } from './server-messages.ts'

/** One number of a flush: a message, or a number whose message was cancelled or expired. */
export type FlushEntry = NumberedMessage | { readonly n: number; readonly id: Id; readonly skip: true }

/** Body of a POST to the outbox endpoint: what `hello`, `send` and `skip` say together, from a client without a socket. */
export interface Flush {
  readonly type: 'flush'
  readonly protocol: number
  readonly client: Id
  /** The ledger the numbers were last agreed with. */
  readonly ledger: Id
  readonly user: string | null
  /** Highest number of this client whose stable ack the client has stored. */
  readonly confirmed: number
  /** Numbers that rise by one. */
  readonly entries: readonly FlushEntry[]
}

/** What became of a flush. `hi`, `stable`, `id` and `outcomes` mean what they mean in an `ack`. */
export interface Flushed {
  readonly type: 'flushed'
  readonly protocol: number
  readonly user: string | null
  readonly ledger: Id
  /** The highest committed number of the client and the message id there, as in the answer to `hello`. */
  readonly client: { readonly hi: number; readonly id: Id } | null
  readonly hi: number
  readonly stable: number
  readonly id: Id | ''
  /** Outcomes of the numbers above the flush's `confirmed` and up to `stable`. */
  readonly outcomes: readonly Outcome[]
}

/** Why a flush was refused. What was committed before it was refused stays committed, and is acknowledged to whoever sends it again. */
export type FlushRefusal =
  /** No outbox token, or one that this server did not make for this client, or that has ended. */
  | 'unauthenticated'
  /** The page's origin, or the user, may not do this. */
  | 'forbidden'
  /** The token belongs to another user than the one the client acts for. */
  | 'user'
  /** Client and server share no protocol version. */
  | 'version'
  /** The server's memory of numbers is another: only a connection can mend that. */
  | 'ledger'
  /** The server has no memory of a client whose numbering did not begin here. */
  | 'unknown_client'
  /** Number `n` is known under another message id. */
  | 'conflict'
  /** A number was skipped over: the next the server can apply is `n`. */
  | 'expected'
  /** Not now: the same flush may be sent again later. */
  | 'busy'
  /** Not a flush of this protocol. */
  | 'bad-message'

/** Nothing of this flush can be taken for acknowledged. */
export interface FlushRefused {
  readonly type: 'flush_refused'
  readonly reason: FlushRefusal
  /** The number, where the reason is about one. */
  readonly n?: number
}

/** Everything the outbox endpoint answers. */
export type FlushAnswer = Flushed | FlushRefused
