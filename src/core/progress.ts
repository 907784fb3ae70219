import { ANSWERS_MS, giveUp, HANDSHAKE_TIMEOUT_MS } from './connecting.ts'
import type { Turn } from './events.ts'
import type { ChannelState } from './state.ts'
import { changeLink, liveLink, log, setTimer } from './turn.ts'

/** Deadlines end what makes no progress, never what is slow (PROTOCOL.md, P51). */

/** No answer to `hello`, whatever comes meanwhile, within this time: longer than a server's hooks may take for it. */
const LONGEST_HANDSHAKE_MS = 90_000

/** Something came that is less than a message, or was reported. What waits for it waits on. */
export function progress(turn: Turn, hasMoved: boolean): void {
  const { phase } = turn.state
  if (phase.name === 'greeting') {
    const leftMs = phase.greetedMs + LONGEST_HANDSHAKE_MS - turn.at.nowMs
    setTimer(turn, 'handshake', Math.max(0, Math.min(HANDSHAKE_TIMEOUT_MS, leftMs)))
  }
  if (hasMoved) changeLink(turn, { hasMoved })
}

/**
 * Gives the socket up when something is owed on it that was owed at the last look, and nothing of it has come: a peer
 * that only answers pings is dead.
 */
export function lookForAnswers(turn: Turn): void {
  const link = liveLink(turn)
  if (!link) return
  const { looked, recalling, sent, hi, hasMoved } = link
  const { channels } = turn.state
  const isOwed = ([name, channel]: [string, ChannelState]): boolean =>
    channel.stage !== 'live' && channel.stage !== 'refused' && channel.stage !== 'pausing' && looked?.channels.get(name) === channel
  if (
    looked &&
    !hasMoved &&
    ((recalling && recalling === looked.recalling) || (looked.sent > hi && hi === looked.hi) || [...channels].some(isOwed))
  ) {
    log(turn, { level: 'info', event: 'answer-timeout' })
    return giveUp(turn, 'unreachable')
  }
  changeLink(turn, { looked: { recalling, sent, hi, channels }, hasMoved: false })
  setTimer(turn, 'answers', ANSWERS_MS)
}
