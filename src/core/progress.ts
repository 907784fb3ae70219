import { ANSWERS_MS, giveUp } from './connecting.ts'
import type { Turn } from './events.ts'
import type { ChannelState } from './state.ts'
import { changeLink, liveLink, log, setTimer } from './turn.ts'

/** Gives the socket up when something is owed on it that was owed at the last look, and nothing of it has come: a peer that only answers pings is dead. */
export function lookForAnswers(turn: Turn): void {
  const link = liveLink(turn)
  if (!link) return
  const { looked, recalling, sent, hi } = link
  const { channels } = turn.state
  const isOwed = ([name, channel]: [string, ChannelState]): boolean =>
    channel.stage !== 'live' && channel.stage !== 'refused' && channel.stage !== 'pausing' && looked?.channels.get(name) === channel
  if (looked && ((recalling && recalling === looked.recalling) || (looked.sent > hi && hi === looked.hi) || [...channels].some(isOwed))) {
    log(turn, { level: 'info', event: 'answer-timeout' })
    return giveUp(turn, 'unreachable')
  }
  changeLink(turn, { looked: { recalling, sent, hi, channels } })
  setTimer(turn, 'answers', ANSWERS_MS)
}
