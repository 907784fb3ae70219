import type { Turn } from './events.ts'
import type { CoreState } from './state.ts'
import { change, setTimer } from './turn.ts'

/** Most that an opening socket is waited for. */
const MOST_MS = 10_000

/**
 * It is waited for so much longer than the last one took: a lost packet of TCP's greeting is sent again after one
 * second.
 */
const LONGER_MS = 1_500

/** What the last one took where none has opened yet. */
const UNKNOWN_MS = 2_500

/** So late the browser may tell that a socket has opened, or that its time is over, when much else happens. */
const LATE_MS = 1_000

/**
 * How long the socket may take to open. Where the path was good a moment ago it is so soon again, or this socket went
 * into the hole and never opens; the longer the trouble lasts, the less is known of the path. Where nothing is known,
 * it has the time of a slow one.
 */
export function openingMs({ openingTookMs, troubledSinceMs }: CoreState, nowMs: number): number {
  if (openingTookMs === null) return MOST_MS
  const troubledMs = troubledSinceMs === null ? 0 : Math.max(0, nowMs - troubledSinceMs)
  return Math.min(MOST_MS, openingTookMs + LONGER_MS + troubledMs)
}

/** Sets the timer of an opening socket. Gives when it is due, in the store's time. */
export function waitToOpen(turn: Turn, delayMs: number): number {
  setTimer(turn, 'handshake', delayMs)
  return turn.at.storeMs + delayMs
}

/**
 * Whether a socket has opened long after its time: this hub stood still, another may have its place, and would be
 * replaced by what this one says.
 */
export function openedLate({ state: { phase }, at }: Turn): boolean {
  return phase.name === 'opening' && at.storeMs > phase.untilMs + LATE_MS
}

/** Somebody is back while a socket opens: one that should have opened by now was begun on a path that is no more. */
export function hurry(turn: Turn): void {
  const { phase, openingTookMs } = turn.state
  if (phase.name !== 'opening' || phase.isHurried) return
  const leftMs = (openingTookMs ?? UNKNOWN_MS) + LONGER_MS - (turn.at.nowMs - phase.sinceMs)
  const untilMs = waitToOpen(turn, Math.min(Math.max(0, leftMs), MOST_MS))
  change(turn, { phase: { ...phase, isHurried: true, untilMs } })
}
