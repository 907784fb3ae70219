import { PART_BYTES } from '../protocol/frames.ts'
import type { AnnouncedLimits, Heartbeat } from '../protocol/limits.ts'
import type { Cursor, Id, SessionKey } from '../protocol/messages.ts'
import type { Errands } from './errand-list.ts'
import type { Fate, OutboxState } from './ports.ts'
import type { RefusalReason, WaitReason } from './public-state.ts'
import type { Purses } from './purse.ts'
import type { HubSettings } from './settings.ts'

/** Where the connection stands. A field exists only in the phase where it means something. */
export type Phase =
  /** Not started, or stopped for good. */
  | { readonly name: 'resting' }
  /** A tab is being asked for a credential. */
  | { readonly name: 'asking' }
  /** The socket is opening. */
  | {
      readonly name: 'opening'
      readonly credential: string | null
      readonly sinceMs: number
      /** When it should have opened, in the store's time: no jump of the wall clock makes it late. */
      readonly untilMs: number
      /** Somebody is back: when this socket fails, the next one follows at once. */
      readonly isHurried?: true
    }
  /** `hello` is on its way. */
  | {
      readonly name: 'greeting'
      /** Subscriptions that `hello` named. */
      readonly asked: readonly number[]
      /** What it said is confirmed. */
      readonly confirmed: number
      /** When its socket began to open. */
      readonly sinceMs: number
      /** When `hello` was said. */
      readonly greetedMs: number
    }
  /** `hello` was answered. */
  | { readonly name: 'live'; readonly link: Link }
  /** The store is giving the outbox a new client id. */
  | { readonly name: 'restarting' }
  /** The next try is at `retryAtMs`; `Infinity` when only a wake-up or the app brings it. */
  | {
      readonly name: 'waiting'
      readonly retryAtMs: number
      readonly reason: WaitReason
      /** What the last socket was closed with, where this side did not give it up. */
      readonly closeCode?: number | undefined
    }
  /** No try until the app acts. */
  | {
      readonly name: 'refused'
      readonly reason: RefusalReason
      /** A tab is asked whether it has another credential by now. */
      readonly asking?: true
    }
  /** A machine that only sends has done what it could. */
  | ({ readonly name: 'ended' } & SendOnlyEnd)

/** How it ended: nothing is left, only a tab can go on, or another try may help. `why` is for the log. */
export interface SendOnlyEnd {
  readonly end: 'sent' | 'tab' | 'again'
  readonly why: string
}

/** One answered connection. */
export interface Link {
  /** Rises with every link of this run; store answers that belong to an earlier link are ignored. */
  readonly number: number
  readonly limits: AnnouncedLimits
  readonly heartbeat: Heartbeat
  /** The answer is stored, so the outbox may be sent. */
  readonly identified: boolean
  /** Numbers up to here came by earlier sockets, and the server may still be applying them. */
  readonly begun: number
  /** Highest number put on this socket, or committed before it. */
  readonly sent: number
  /** Highest number the server said it has committed. */
  readonly hi: number
  /** A `sentThrough` that is being stored, or 0. */
  readonly raising: number
  /** The `recall` that is not answered and stored yet. */
  readonly recalling: { readonly client: Id; readonly ids: readonly Id[] } | null
  /** What may be sent now of what the server announced as a rate. */
  readonly purses: Purses
  readonly errands: Errands
  /** What the server was told last of what is confirmed. */
  readonly toldConfirmed: number
  /** Text of replies that came since everything that had come was confirmed, in UTF-16 units. */
  readonly replyUnits: number
  /** When `hello` was answered. */
  readonly sinceMs: number
  readonly lastHeardMs: number
  readonly lastSaidMs: number
  /** A ping waits for its answer. */
  readonly pinging: boolean
  /** Something that was sent waits for the line. */
  readonly isBehind: boolean
  /** Units of messages that were handed to the line since it was last known to have let all go. */
  readonly ahead: number
  /** Something that was owed has moved since the last look. */
  readonly hasMoved: boolean
  /** The server was asked to end the session. */
  readonly leaving?: true
  /** What the server owed when that was looked at last; `null` before the first look. */
  readonly looked: Looked | null
}

/** How a link ended, and up to which number the server had committed. */
export interface LinkEnd {
  readonly code: number
  readonly client: Id
  readonly hi: number
}

/** What can be owed on a link, as it was at one moment. */
export interface Looked extends Pick<Link, 'sent' | 'hi' | 'recalling'> {
  readonly channels: CoreState['channels']
}

/** How one channel is received. */
export interface ChannelState {
  /** The number of its current subscription, unique on the socket. */
  readonly sub: number
  /** Everything up to here was handed on. `null` for a newcomer, and after a reset until a value came. */
  readonly cursor: Cursor | null
  readonly stage:
    /** Asked for, or about to be with the next `hello`; no verdict yet. */
    | 'asked'
    /** Missed messages are coming up to `head`. */
    | 'replaying'
    /** The place was lost; a value is on its way. */
    | 'resetting'
    /** The server could not give a value, or sent what does not follow; asked again when the timer fires. */
    | 'pausing'
    | 'live'
    /** The server will not give it. Asked again with the next `hello`. */
    | 'refused'
  /** Offset the replay ends with. */
  readonly head: number
  /** Missed messages of this outage handed on so far, over all its links. */
  readonly recovered: number
  /** Missed messages of this outage in all, as far as known. */
  readonly missed: number
  /** Failed values in a row, for the pause. */
  readonly failures: number
  /** How often on this link something came that does not follow. */
  readonly misplaced: number
}

/** Everything the session machine knows. Plain immutable data; {@link transition} gives the next one. */
export interface CoreState {
  readonly settings: HubSettings
  readonly phase: Phase
  readonly session: SessionKey | null
  /** The outbox token of a machine that only sends (SPEC.md, OB27); `null` in a hub. */
  readonly sendOnly: string | null
  /** What the last try was made with. */
  readonly presented: string | null
  readonly outbox: OutboxState
  /** Highest number whose stable ack is stored: what the server may forget. */
  readonly confirmed: number
  /** Fates of the numbers after `outbox.acked` that are committed but not stable yet; `null` for a tombstone. */
  readonly decided: readonly (Fate | null)[]
  /** Numbers that the store is asked to bury. Neither they nor what is behind them is sent meanwhile. */
  readonly burying: ReadonlySet<number>
  readonly channels: ReadonlyMap<string, ChannelState>
  readonly nextSub: number
  readonly links: number
  /** What the server announced last. */
  readonly limits: AnnouncedLimits | null
  /** Failures in a row since a connection last held. */
  readonly attempt: number
  /** When the first of them was: the link was lost, or a socket began to open that failed. */
  readonly troubledSinceMs: number | null
  /** When the tries so far will have been paid for, at one every few seconds. */
  readonly triesPaidByMs: number
  /** How long the last socket that opened took for it. */
  readonly openingTookMs: number | null
  /** Longest frame that passes, as far as is known. */
  readonly partBytes: number
  /** How the last link ended that had something on its way. */
  readonly lastEnd: LinkEnd | null
  /** Restarts of the outbox since a connection last held. */
  readonly restarts: number
  /**
   * `hello`s that may still be on their way to the server: of sockets that were left without an answer, and one of a
   * hub before this one.
   */
  readonly lateHellos: number
  /** When a server that said goodbye wants this client back. Used once. */
  readonly comeBack: { readonly minMs: number; readonly maxMs: number } | null
  readonly visible: boolean
  readonly online: boolean
}

/**
 * What a machine leaves to the one that follows it on the same hub: tries and failures count, and so does what is known
 * of the way to the server.
 */
export type Inheritance = Pick<CoreState, 'attempt' | 'troubledSinceMs' | 'triesPaidByMs' | 'openingTookMs' | 'partBytes' | 'lateHellos'>

/** No failure since a connection last held. */
export const FRESH_TRIES: Pick<CoreState, 'attempt' | 'troubledSinceMs'> = { attempt: 0, troubledSinceMs: null }

/**
 * The state of a machine that has read its store and has not connected.
 * @param sendOnly the outbox token, for one that only sends
 */
export function initialState(
  settings: HubSettings,
  session: SessionKey | null,
  outbox: OutboxState,
  sendOnly: string | null = null,
): CoreState {
  return {
    settings,
    phase: { name: 'resting' },
    session,
    sendOnly,
    presented: null,
    outbox,
    confirmed: outbox.acked,
    decided: [],
    burying: new Set(),
    channels: new Map(),
    nextSub: 1,
    links: 0,
    limits: null,
    ...FRESH_TRIES,
    triesPaidByMs: 0,
    openingTookMs: null,
    partBytes: PART_BYTES,
    lastEnd: null,
    restarts: 0,
    lateHellos: 1,
    comeBack: null,
    visible: true,
    online: true,
  }
}
