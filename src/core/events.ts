import type { Hello, Id, PublishedMessage, ResetReason, ServerMessage, Cursor, NoValueReason, RefusedReason } from '../protocol/messages.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { BurialReason, Fate, LogEntry, OutboxEntry, OutboxState, StoredIdentity } from './ports.ts'
import type { Disagreement } from './notices.ts'
import type { CoreState } from './state.ts'

/** Timers of the machine. Setting one that runs replaces it. */
export type TimerName =
  /** Credential given, but no answer to `hello` yet. */
  | 'handshake'
  | 'retry'
  /** The connection has held long enough to begin the delays anew. */
  | 'stable'
  | 'heartbeat'
  | 'pong'
  /** What the server owes is looked at. */
  | 'answers'
  /** Frames may be sent again. */
  | 'pace'
  /** Channels and values may be asked for again. */
  | 'errands'
  /** Channels that could not get a value are asked for again. */
  | 'resubscribe'

/**
 * What can happen to the machine. Sockets and timers that were replaced tell nothing any more: the runtime sees to
 * that.
 */
export type CoreEvent =
  | { readonly type: 'start' }
  /** The app wants a try now; also ends `refused`. */
  | { readonly type: 'retry' }
  /** Something says the network or the user is back: cuts a wait short, checks an open socket. */
  | { readonly type: 'wake' }
  | { readonly type: 'presence'; readonly visible: boolean; readonly online: boolean }
  | { readonly type: 'credential'; readonly credential: string | null }
  | { readonly type: 'no-credential' }
  | { readonly type: 'opened' }
  | { readonly type: 'frame'; readonly message: ServerMessage }
  /**
   * Part of a message came, or a report; `hasMoved` when that is more than a sign of life: something long goes on its
   * way.
   */
  | { readonly type: 'progress'; readonly hasMoved: boolean }
  /** Whether what was sent waits for the line has changed, or what may be handed to it at a time has left. */
  | { readonly type: 'line'; readonly isBehind: boolean }
  | { readonly type: 'bad-frame' }
  | { readonly type: 'closed'; readonly code: number }
  | { readonly type: 'timer'; readonly timer: TimerName }
  | { readonly type: 'subscribe'; readonly channel: string; readonly cursor: Cursor | null }
  | { readonly type: 'unsubscribe'; readonly channel: string }
  /** A tab needs a value at `from` or later, and the cache has none. */
  | { readonly type: 'want-snapshot'; readonly channel: string; readonly from: number }
  | { readonly type: 'volatile'; readonly frame: string; readonly count: number }
  /** The store has taken messages in; `sent` as it was asked for. */
  | { readonly type: 'appended'; readonly client: Id; readonly entries: readonly OutboxEntry[]; readonly sent: boolean }
  | { readonly type: 'sent-through'; readonly client: Id; readonly n: number }
  /** What the server said on this link is stored, and nothing that is too old waits: the outbox may go on. */
  | { readonly type: 'identified'; readonly link: number }
  | { readonly type: 'settled'; readonly client: Id; readonly through: number }
  /** The store is asked to bury numbers: until it has answered they stay where they are. */
  | { readonly type: 'burying'; readonly client: Id; readonly numbers: readonly number[] }
  /** It could not. */
  | { readonly type: 'kept'; readonly client: Id; readonly numbers: readonly number[] }
  | { readonly type: 'buried'; readonly client: Id; readonly numbers: readonly number[]; readonly why: BurialReason }
  /** The store has taken in the answer to a question about `client`. */
  | {
      readonly type: 'recalled'
      readonly client: Id
      readonly asked: readonly Id[]
      readonly fates: readonly Fate[]
      readonly hold: boolean
    }
  | { readonly type: 'restarted'; readonly outbox: OutboxState }
  /** The store could not do what the protocol needs before going on. */
  | { readonly type: 'store-failed' }
  /** The user leaves: the server is to end the session. Nothing else is sent from here on. */
  | { readonly type: 'sign-out' }
  | { readonly type: 'stop' }

/** What the machine tells its host. */
export type Told =
  | { readonly type: 'messages'; readonly channel: string; readonly messages: readonly PublishedMessage[]; readonly cursor: Cursor }
  /**
   * A value to start from; `continues` when the subscription goes on undisturbed and the value only answers
   * `want-snapshot`.
   */
  | { readonly type: 'snapshot'; readonly channel: string; readonly value: unknown; readonly cursor: Cursor; readonly continues: boolean }
  /** The channel has no values; it starts at `cursor`, or `continues` where it was. */
  | { readonly type: 'started'; readonly channel: string; readonly cursor: Cursor; readonly continues: boolean }
  | { readonly type: 'reset'; readonly channel: string; readonly reason: ResetReason; readonly from?: number; readonly to?: number }
  /**
   * The place was good: `missed` messages of this outage end with offset `upTo`. Told when they are announced, before
   * they come.
   */
  | { readonly type: 'recovering'; readonly channel: string; readonly missed: number; readonly upTo: number }
  | { readonly type: 'refused'; readonly channel: string; readonly reason: RefusedReason; readonly message: string }
  /**
   * There is no value to begin with: not yet, or not at all, as the reason says. Who has a place goes on undisturbed.
   */
  | { readonly type: 'no-value'; readonly channel: string; readonly reason: NoValueReason; readonly message: string }
  | { readonly type: 'fates'; readonly fates: readonly Fate[] }
  | { readonly type: 'sent'; readonly ids: readonly Id[] }
  | { readonly type: 'error'; readonly error: ErrorData }

/** What the machine wants done. */
export type Effect =
  | { readonly type: 'ask-credential' }
  | { readonly type: 'open'; readonly partBytes: number }
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'send'; readonly text: string; readonly lane: number }
  | { readonly type: 'set-timer'; readonly timer: TimerName; readonly delayMs: number }
  | { readonly type: 'clear-timer'; readonly timer: TimerName }
  | { readonly type: 'save-identity'; readonly identity: StoredIdentity; readonly link: number }
  | { readonly type: 'raise-sent-through'; readonly n: number }
  | { readonly type: 'settle'; readonly through: number; readonly id: Id; readonly fates: readonly Fate[] }
  | {
      readonly type: 'store-recalled'
      readonly client: Id
      readonly asked: readonly Id[]
      readonly fates: readonly Fate[]
      readonly link: number
    }
  /** The message does not fit a frame: it ends here, and its number is skipped. */
  | { readonly type: 'reject-too-large'; readonly n: number }
  | { readonly type: 'restart'; readonly why: Disagreement }
  | { readonly type: 'tell'; readonly told: Told }
  | { readonly type: 'log'; readonly entry: LogEntry }

/** The moment an event happens, as data, so that the machine needs neither clock nor chance. */
export interface Moment {
  readonly nowMs: number
  /** By which messages age: the store's time. */
  readonly storeMs: number
  /** Uniform in [0, 1). */
  readonly fraction: number
}

/**
 * One step under way: the state as far as it has come, and what is to be done afterwards. Lives for one call of
 * `transition`.
 */
export interface Turn {
  state: CoreState
  readonly effects: Effect[]
  readonly at: Moment
}
