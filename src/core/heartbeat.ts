import type { Turn } from './events.ts'
import { liveLink, setLink } from './link.ts'
import type { Link } from './state.ts'

/**
 * Finds a dead peer (PROTOCOL.md, P31). One timer for the silence and one for the answer; a frame only notes the time, so that traffic costs nothing.
 * Elapsed time is reckoned from the wall clock, which goes on while a machine sleeps. A clock that went back says nothing about the silence: it is asked for at once.
 */

/** Begins to listen for silence. */
export function startHeartbeat(turn: Turn): void {
  const link = liveLink(turn)
  if (link) turn.effects.push({ type: 'set-timer', timer: 'heartbeat', delayMs: silenceMs(turn, link) })
}

/** Something was heard. */
export function heard(turn: Turn): void {
  const link = liveLink(turn)
  if (!link) return
  if (link.pinging) turn.effects.push({ type: 'clear-timer', timer: 'pong' })
  setLink(turn, { ...link, lastHeardMs: turn.at.nowMs, pinging: false })
}

/** The silence timer fired. */
export function checkSilence(turn: Turn): void {
  const link = liveLink(turn)
  if (!link) return
  const silentMs = turn.at.nowMs - link.lastHeardMs
  const leftMs = silentMs < 0 ? 0 : silenceMs(turn, link) - silentMs
  if (leftMs <= 0) ping(turn)
  turn.effects.push({ type: 'set-timer', timer: 'heartbeat', delayMs: leftMs > 0 ? leftMs : silenceMs(turn, link) })
}

/** Asks for a sign of life now. */
export function ping(turn: Turn): void {
  const link = liveLink(turn)
  if (!link || link.pinging) return
  turn.effects.push({ type: 'send', text: '{"type":"ping"}' }, { type: 'set-timer', timer: 'pong', delayMs: link.heartbeat.timeoutMs })
  setLink(turn, { ...link, pinging: true })
}

function silenceMs(turn: Turn, link: Link): number {
  return turn.state.visible ? link.heartbeat.pingMs : link.heartbeat.hiddenPingMs
}
