import type { Turn } from './events.ts'
import { FRESH_TRIES } from './state.ts'
import { change, liveLink, setTimer } from './turn.ts'

/** A link that has held for so long forgives the tries before it, however short `stableAfterMs` is. */
const FORGIVING_MS = 5_000

/** The link has held: the delays begin anew, and when it has held for long enough, whatever the settings are, the tries are counted anew as well. */
export function held(turn: Turn): void {
  const link = liveLink(turn)
  if (!link) return
  const leftMs = Math.min(FORGIVING_MS - (turn.at.nowMs - link.sinceMs), FORGIVING_MS)
  change(turn, { ...FRESH_TRIES, restarts: 0, triesPaidByMs: leftMs > 0 ? turn.state.triesPaidByMs : 0 })
  if (leftMs > 0) setTimer(turn, 'stable', leftMs)
}
