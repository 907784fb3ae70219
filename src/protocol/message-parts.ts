/** 128 random bits, 22 characters of base64url. */
export type Id = string

/**
 * A place in a channel's log: everything up to and including `offset` of `epoch` is had, and the message there is `id`.
 * The place before the first message of an epoch is offset 0 with the empty id.
 */
export interface Cursor {
  readonly epoch: Id
  readonly offset: number
  readonly id: Id | ''
}

/** What a server remembers of a client between sockets. The token is a secret; the id is not. */
export interface SessionKey {
  readonly id: Id
  /** 256 random bits, 43 characters of base64url. */
  readonly token: string
}

/** One channel a client wants. `sub` is made by the client, rises with every subscription of a socket, and names it in every frame. */
export interface SubscribeRequest {
  readonly sub: number
  readonly channel: string
  readonly cursor: Cursor | null
}

/** A numbered message of a client. `data` is any JSON value. */
export interface NumberedMessage {
  readonly n: number
  readonly id: Id
  readonly channel: string
  readonly data: unknown
  /** The client's memory or the server's was lost since this message may have been applied. */
  readonly mayRepeat?: true
}

/** A message that is sent once or not at all. */
export interface VolatileMessage {
  readonly id: Id
  readonly channel: string
  readonly data: unknown
}

/** A message of a channel's log. `origin` is the id of the client's message it began as, when it did. */
export interface PublishedMessage {
  readonly offset: number
  readonly id: Id
  readonly data: unknown
  readonly origin?: Id
}
