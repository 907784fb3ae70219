import type { Id, NumberedMessage, SessionKey, SubscribeRequest, VolatileMessage } from './message-parts.ts'

/** First message of a connection, exactly once. */
export interface Hello {
  readonly type: 'hello'
  readonly protocol: number
  readonly client: Id
  /**
   * Names this browser to the server and to nobody else. It outlives client ids, so that what is sent again under
   * another one can be known again. A secret. On the wire the client id stands for it where it is left out.
   */
  readonly sender: Id
  /** Highest number of this client whose stable ack the client has stored; the server may forget up to here. */
  readonly confirmed: number
  /** The user the client acts for; `null` is nobody in particular. */
  readonly user: string | null
  readonly session: SessionKey | null
  readonly credential: string | null
  readonly subscriptions: readonly SubscribeRequest[]
  /** Makes this a connection that only sends: with neither session, credential nor subscriptions. A secret. */
  readonly outboxToken?: string
  /** What the client knows beside the messages: `parts` (PROTOCOL.md, P53). Others are ignored. */
  readonly features?: readonly string[]
  /** Longest frame, in bytes, that the client wants to get: where a gateway in between takes no longer ones. */
  readonly partBytes?: number
}

/** Channels the client wants from now on. */
export interface Subscribe {
  readonly type: 'subscribe'
  readonly subscriptions: readonly SubscribeRequest[]
}

/** Subscriptions the client gives up. */
export interface Unsubscribe {
  readonly type: 'unsubscribe'
  readonly subs: readonly number[]
}

/** Asks for the value of a subscribed channel at `from` or later, without disturbing the subscription. */
export interface SnapshotRequest {
  readonly type: 'snapshot_request'
  readonly sub: number
  readonly from: number
}

/** Numbered messages, in order. */
export interface Send {
  readonly type: 'send'
  readonly confirmed: number
  readonly messages: readonly NumberedMessage[]
}

/** Numbers whose messages were cancelled or expired: they pass without effect. */
export interface Skip {
  readonly type: 'skip'
  readonly numbers: readonly { readonly n: number; readonly id: Id }[]
}

/** Messages outside the numbering: handled once or not at all, never answered. */
export interface Volatile {
  readonly type: 'volatile'
  readonly messages: readonly VolatileMessage[]
}

/**
 * Asks what became of messages that were sent under a client id, this connection's or an earlier one of the same user.
 */
export interface Recall {
  readonly type: 'recall'
  readonly client: Id
  readonly ids: readonly Id[]
}

/** A fresh credential on an open connection, asked for or not. */
export interface Authenticate {
  readonly type: 'authenticate'
  readonly credential: string
}

/** Asks whether the server is alive. */
export interface Ping {
  readonly type: 'ping'
}

/** The user leaves: ends the session for good. The last message of a connection. */
export interface SignOut {
  readonly type: 'sign_out'
}

/** Everything a client may send. */
export type ClientMessage =
  | Hello
  | Subscribe
  | Unsubscribe
  | SnapshotRequest
  | Send
  | Skip
  | Volatile
  | Recall
  | Authenticate
  | Ping
  | SignOut
