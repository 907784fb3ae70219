/**
 * What a server announces in its answer to `hello`, so that a client never has to learn a limit by being closed.
 * Bytes are UTF-8 bytes of the JSON text; times are milliseconds.
 */
export interface AnnouncedLimits {
  /** Largest message either side may send, in one frame or put together (PROTOCOL.md, P50). */
  readonly frameBytes: number
  /** Largest `data` of one message. */
  readonly messageBytes: number
  /** Frames a client may send per second, averaged. Default 100. */
  readonly framesPerSecond: number
  /** Frames a client may send at once. Default 200. */
  readonly frameBurst: number
  /** Messages, numbers to skip and messages without a number that a client may send per second, averaged. Default 10,000. */
  readonly messagesPerSecond: number
  /** The same at once. Default 20,000. */
  readonly messageBurst: number
  /** Subscriptions and snapshots a client may ask for per second, averaged. Default 100. */
  readonly subscriptionsPerSecond: number
  /** The same at once, those in `hello` counted. Default 512, or twice `channels` where that is more. */
  readonly subscriptionBurst: number
  /** Messages above the last `ack` that may be on their way. Default 1,024. */
  readonly sendWindow: number
  /** Numbers a client may leave unconfirmed before the next one waits. Default 16,384, or twice `sendWindow` where that is more. */
  readonly unconfirmed: number
  /** JSON text of replies, in UTF-16 units, that a client may leave unconfirmed before its next number waits. Default 16 Mi. */
  readonly replyBytes: number
  /** Channels one session may be subscribed to at a time. Default 128. */
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

/** Most items in any list of a client's message; a frame's size is the real bound, this one keeps the error early. */
export const MAX_ITEMS = 20_000

/** History kept per channel unless the server says otherwise: 1,000 messages, 4 MiB, 24 hours. */
export const DEFAULT_HISTORY: HistoryLimits = { messages: 1_000, bytes: 4 * 2 ** 20, ageMs: 86_400_000 }

/** The limits a server announces unless configured: see the README's table. */
export const DEFAULT_LIMITS: AnnouncedLimits = {
  frameBytes: 1_048_576,
  messageBytes: 262_144,
  framesPerSecond: 100,
  frameBurst: 200,
  messagesPerSecond: 10_000,
  messageBurst: 20_000,
  subscriptionsPerSecond: 100,
  subscriptionBurst: 512,
  sendWindow: 1_024,
  unconfirmed: 16_384,
  replyBytes: 16 * 2 ** 20,
  channels: 128,
  history: DEFAULT_HISTORY,
}

/** Finds a dead peer within 9 s while a tab is visible, within 30 s otherwise. */
export const DEFAULT_HEARTBEAT: Heartbeat = { pingMs: 5_000, hiddenPingMs: 25_000, timeoutMs: 4_000 }

/** The least and the most that a number may be. */
export type Range = readonly [min: number, max: number]

/**
 * What a server may announce: one that is hostile must not make a client spin, hold everything, or wait for ever. The
 * smallest frame holds any single answer, and a `hello` with a credential of usual length.
 */
export const ANNOUNCED_RANGES: { readonly [Name in keyof Omit<AnnouncedLimits, 'history'>]: Range } = {
  frameBytes: [16_384, 2 ** 28],
  // With its envelope it fits the largest frame.
  messageBytes: [1, 2 ** 28 - 1_024],
  framesPerSecond: [1, 1_000_000],
  frameBurst: [1, 1_000_000],
  messagesPerSecond: [1, 10_000_000],
  messageBurst: [1, 10_000_000],
  subscriptionsPerSecond: [1, 1_000_000],
  subscriptionBurst: [1, 1_000_000],
  sendWindow: [1, MAX_ITEMS],
  unconfirmed: [1, 1_000_000],
  replyBytes: [1_024, 2 ** 32],
  channels: [1, MAX_ITEMS],
}

/** The same of the history. */
export const HISTORY_RANGES: { readonly [Name in keyof HistoryLimits]: Range } = {
  messages: [1, 1_000_000],
  bytes: [1_024, 2 ** 32],
  ageMs: [1_000, 2 ** 40],
}

const PAUSE: Range = [100, 3_600_000]

/** The same of the heartbeat. */
export const HEARTBEAT_RANGES: { readonly [Name in keyof Heartbeat]: Range } = { pingMs: PAUSE, hiddenPingMs: PAUSE, timeoutMs: PAUSE }

/** Longest channel name, in UTF-16 units. */
export const MAX_CHANNEL_LENGTH = 200

/** Longest user id, in UTF-16 units. */
export const MAX_USER_LENGTH = 256

/** Longest credential in `hello` or `authenticate`, in UTF-16 units. */
export const MAX_CREDENTIAL_LENGTH = 16_384

/** Features a peer may name. */
export const MAX_FEATURES = 64

/** Longest name of one. */
export const MAX_FEATURE_LENGTH = 64

/** Message ids one `recall` may ask about. */
export const MAX_RECALL_IDS = 1_000

/** Longest outbox token, in characters. */
export const MAX_OUTBOX_TOKEN_LENGTH = 4_096

/** Deepest nesting of arrays and objects in a frame; deeper text is refused before it is parsed. */
export const MAX_DEPTH = 64

/** Message numbers and offsets end here, far below `Number.MAX_SAFE_INTEGER`, so that arithmetic on them stays exact. */
export const MAX_NUMBER: number = 2 ** 48
