import { CONTROL } from '../protocol/frames.ts'
import type { TimerName, Told, Turn } from './events.ts'
import type { LogEntry } from './ports.ts'
import type { CoreState, Link } from './state.ts'

/** The words in which the machine says what changes and what is to be done. */

/** Changes what is given of the state. */
export function change(turn: Turn, changes: Partial<CoreState>): void {
  turn.state = { ...turn.state, ...changes }
}

/** The link of a live connection; `null` when there is none. */
export function liveLink({ state: { phase } }: Turn): Link | null {
  return phase.name === 'live' ? phase.link : null
}

/** Changes what is given of the link of a live connection. */
export function changeLink(turn: Turn, changes: Partial<Link>): void {
  const link = liveLink(turn)
  if (link) change(turn, { phase: { name: 'live', link: { ...link, ...changes } } })
}

/** Fires `timer` after `delayMs` instead of when it would have. */
export function setTimer(turn: Turn, timer: TimerName, delayMs: number): void {
  turn.effects.push({ type: 'set-timer', timer, delayMs })
}

/** Stops the timer when it runs. */
export function clearTimer(turn: Turn, timer: TimerName): void {
  turn.effects.push({ type: 'clear-timer', timer })
}

/** Sends a frame. */
export function send(turn: Turn, message: object): void {
  sendText(turn, JSON.stringify(message))
}

/** Sends a frame that is encoded already, in the order of its lane. */
export function sendText(turn: Turn, text: string, lane: number = CONTROL): void {
  changeLink(turn, { lastSaidMs: turn.at.nowMs })
  turn.effects.push({ type: 'send', text, lane })
}

/** Tells the host. */
export function tell(turn: Turn, told: Told): void {
  turn.effects.push({ type: 'tell', told })
}

/** Writes a line for developers. */
export function log(turn: Turn, entry: LogEntry): void {
  turn.effects.push({ type: 'log', entry })
}
