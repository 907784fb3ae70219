import type { Turn } from './events.ts'
import type { Link } from './state.ts'
import { changeLink, clearTimer, liveLink, sendText, setTimer } from './turn.ts'

/**
 * Finds a dead peer, and keeps this end from looking like one (PROTOCOL.md, P31). One timer for the silence and one for the answer; a frame only notes the time, so that traffic costs nothing.
 * Elapsed time is reckoned from the wall clock, which goes on while a machine sleeps. A clock that went back says nothing about the silence: it is asked for at once.
 */

/** Begins to listen for silence. */
export function startHeartbeat(turn: Turn): void {
  const link = liveLink(turn)
  if (link) setTimer(turn, 'heartbeat', leftMs(turn, link))
}

/** Something was heard. */
export function heard(turn: Turn): void {
  const link = liveLink(turn)
  if (!link) return
  if (link.pinging) clearTimer(turn, 'pong')
  changeLink(turn, { lastHeardMs: turn.at.nowMs, pinging: false })
}

/** The silence timer fired. */
export function checkSilence(turn: Turn): void {
  const link = liveLink(turn)
  if (!link) return
  const left = leftMs(turn, link)
  if (left <= 0) ping(turn)
  setTimer(turn, 'heartbeat', left > 0 ? left : silenceMs(turn, link))
}

/** Asks for a sign of life now. */
export function ping(turn: Turn): void {
  const link = liveLink(turn)
  if (!link || link.pinging) return
  sendText(turn, '{"type":"ping"}')
  setTimer(turn, 'pong', link.heartbeat.timeoutMs)
  changeLink(turn, { pinging: true })
}

/** Until something must be said: the peer has been silent for too long, or this end has, which hears much and says nothing. */
function leftMs(turn: Turn, link: Link): number {
  const { nowMs } = turn.at
  const left = (sinceMs: number, mostMs: number): number => (nowMs < sinceMs ? 0 : mostMs - (nowMs - sinceMs))
  return Math.min(left(link.lastHeardMs, silenceMs(turn, link)), left(link.lastSaidMs, link.heartbeat.hiddenPingMs))
}

function silenceMs(turn: Turn, link: Link): number {
  return turn.state.visible ? link.heartbeat.pingMs : link.heartbeat.hiddenPingMs
}
