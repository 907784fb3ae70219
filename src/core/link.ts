import type { Turn } from './events.ts'
import type { Link } from './state.ts'

/** The link of a live connection; `null` when there is none. */
export function liveLink(turn: Turn): Link | null {
  return turn.state.phase.name === 'live' ? turn.state.phase.link : null
}

/** Replaces the link of a live connection. */
export function setLink(turn: Turn, link: Link): void {
  turn.state = { ...turn.state, phase: { name: 'live', link } }
}
