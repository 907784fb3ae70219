/**
 * What a server announces in its answer to `hello`, so that a client never has to learn a limit by being closed.
 * Bytes are UTF-8 bytes of the JSON text; times are milliseconds.
 */
export interface AnnouncedLimits {
  /** Largest message either side may send, in one frame or put together (PROTOCOL.md, P50). */
  readonly frameBytes: number
  /** Largest `data` of one message. */
  readonly messageBytes: number
  /** Frames a client may send per second, averaged; a client spends at most half of it on `send` and `volatile`. */
  readonly framesPerSecond: number
  /** Messages above the last `ack` that may be on their way. */
  readonly sendWindow: number
  /** Channels one session may be subscribed to at a time. */
  readonly channels: number
  /** How deep the server keeps a channel; a hub keeps its cache as deep and no deeper. */
  readonly history: HistoryLimits
}

/** How much of a channel is kept. Whichever limit is reached first trims. */
export interface HistoryLimits {
  readonly messages: number
  readonly bytes: number
  readonly ageMs: number
}

/** How both ends find a dead peer. */
export interface Heartbeat {
  /** A client that heard nothing for this long pings, while any tab is visible. */
  readonly pingMs: number
  /** The same while every tab is hidden. */
  readonly hiddenPingMs: number
  /** No frame within this time of a ping: the socket is dead. */
  readonly timeoutMs: number
}

/** History kept per channel unless the server says otherwise: 1,000 messages, 4 MiB, 24 hours. */
export const DEFAULT_HISTORY: HistoryLimits = { messages: 1_000, bytes: 4 * 2 ** 20, ageMs: 86_400_000 }

/** The limits a server announces unless configured: see the README's table. */
export const DEFAULT_LIMITS: AnnouncedLimits = {
  frameBytes: 1_048_576,
  messageBytes: 262_144,
  framesPerSecond: 100,
  sendWindow: 1_024,
  channels: 128,
  history: DEFAULT_HISTORY,
}

/** Finds a dead peer within 9 s while a tab is visible, within 30 s otherwise. */
export const DEFAULT_HEARTBEAT: Heartbeat = { pingMs: 5_000, hiddenPingMs: 25_000, timeoutMs: 4_000 }

/** Longest channel name, in UTF-16 units. */
export const MAX_CHANNEL_LENGTH = 200

/** Longest user id, in UTF-16 units. */
export const MAX_USER_LENGTH = 256

/** Longest credential in `hello` or `authenticate`, in UTF-16 units. */
export const MAX_CREDENTIAL_LENGTH = 16_384

/** Message ids one `recall` may ask about. */
export const MAX_RECALL_IDS = 1_000

/** Longest outbox token, in characters. */
export const MAX_OUTBOX_TOKEN_LENGTH = 4_096

/** Deepest nesting of arrays and objects in a frame; deeper text is refused before it is parsed. */
export const MAX_DEPTH = 64

/** Message numbers and offsets end here, far below `Number.MAX_SAFE_INTEGER`, so that arithmetic on them stays exact. */
export const MAX_NUMBER: number = 2 ** 48
