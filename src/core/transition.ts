import * as connecting from './connecting.ts'
import type { CoreEvent, Effect, Moment, Turn } from './events.ts'
import { checkSilence, heard, ping } from './heartbeat.ts'
import { liveLink, setLink } from './link.ts'
import { appendMessages, applyRecalled, buryNumbers, notHeld } from './outbox.ts'
import * as receiving from './receiving.ts'
import * as sending from './sending.ts'
import type { CoreState } from './state.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import type { TimerName } from './events.ts'

/**
 * The session machine: pure, total and deterministic. The same state, event and moment give the same next state and effects, in the order in which they
 * are to be done. Events that mean nothing in a phase change nothing.
 */
export function transition(
  state: CoreState,
  event: CoreEvent,
  at: Moment,
): { readonly state: CoreState; readonly effects: readonly Effect[] } {
  const turn: Turn = { state, effects: [], at }
  handle(turn, event)
  return { state: turn.state, effects: turn.effects }
}

function handle(turn: Turn, event: CoreEvent): void {
  const { phase, outbox } = turn.state
  switch (event.type) {
    case 'start':
      if (phase.name === 'resting') connecting.beginAttempt(turn)
      return
    case 'retry':
      if (phase.name === 'refused' || phase.name === 'waiting') {
        turn.state = { ...turn.state, attempt: 0, comeBack: null }
        connecting.beginAttempt(turn)
      } else ping(turn)
      return
    case 'wake':
      if (phase.name === 'waiting') connecting.beginAttempt(turn)
      else ping(turn)
      return
    case 'presence':
      turn.state = { ...turn.state, visible: event.visible, online: event.online }
      // Reckoned from what was heard last, not begun anew: tabs that come and go must not keep a dead peer unnoticed.
      return checkSilence(turn)
    case 'credential':
      if (phase.name !== 'live') return connecting.open(turn, event.credential)
      if (event.credential !== null)
        turn.effects.push({ type: 'send', text: JSON.stringify({ type: 'authenticate', credential: event.credential }) })
      return
    case 'no-credential':
      if (phase.name === 'asking') connecting.fail(turn, 'no-credential')
      return
    case 'opened':
      return connecting.greet(turn)
    case 'frame':
      if (!connecting.hasSocket(phase)) return
      heard(turn)
      return frame(turn, event.message)
    case 'bad-frame':
      if (connecting.hasSocket(phase)) connecting.breakProtocol(turn)
      return
    case 'closed':
      return connecting.lost(turn, event.code)
    case 'timer':
      return timer(turn, event.timer)
    case 'subscribe':
      return receiving.subscribe(turn, event.channel, event.cursor)
    case 'unsubscribe':
      return receiving.unsubscribe(turn, event.channel)
    case 'want-snapshot':
      return receiving.wantSnapshot(turn, event.channel, event.from)
    case 'volatile':
      return sending.volatile(turn, event.frame)
    case 'appended':
      if (event.client !== outbox.client) return
      turn.state = { ...turn.state, outbox: appendMessages(outbox, notHeld(outbox, event.entries), event.sent).outbox }
      return sending.pump(turn)
    case 'sent-through':
      if (event.client !== outbox.client) return
      turn.state = { ...turn.state, outbox: { ...outbox, sentThrough: Math.max(outbox.sentThrough, event.n) } }
      return sending.pump(turn)
    case 'identified':
      return identified(turn, event.link)
    case 'settled':
      if (event.client === outbox.client) turn.state = { ...turn.state, confirmed: Math.max(turn.state.confirmed, event.through) }
      return
    case 'buried':
      if (event.client === outbox.client) turn.state = { ...turn.state, outbox: buryNumbers(outbox, event.numbers, event.why) }
      return sending.pump(turn)
    case 'recalled': {
      const link = liveLink(turn)
      // Applied to this copy, not taken from the store: what was buried since the store was called must stay buried.
      turn.state = { ...turn.state, outbox: applyRecalled(outbox, event.client, event.asked, event.fates, event.hold).outbox }
      if (link?.number !== event.link) return
      setLink(turn, { ...link, recalling: null })
      return sending.pump(turn)
    }
    case 'restarted':
      turn.state = { ...turn.state, outbox: event.outbox, confirmed: 0, decided: [] }
      if (phase.name === 'restarting') connecting.beginAttempt(turn)
      // The store answered after it had been given up: this socket said hello under the old client id.
      else if (connecting.hasSocket(phase)) connecting.giveUp(turn, 'unreachable')
      return
    case 'store-failed':
      if (phase.name === 'restarting') return connecting.fail(turn, 'unreachable')
      if (connecting.hasSocket(phase)) connecting.giveUp(turn, 'unreachable')
      return
    case 'stop':
      return connecting.stop(turn)
    default:
      return unreachable(event)
  }
}

function frame(turn: Turn, message: ServerMessage): void {
  if (message.type === 'session_init' || message.type === 'session_restored') return connecting.welcome(turn, message)
  if (message.type === 'goodbye') {
    turn.state = { ...turn.state, comeBack: { minMs: message.retryMinMs, maxMs: message.retryMaxMs } }
    return
  }
  if (!liveLink(turn)) return connecting.breakProtocol(turn)
  switch (message.type) {
    case 'messages':
    case 'missed_messages':
    case 'subscribed':
    case 'reset':
    case 'refused':
      return receiving.receive(turn, message)
    case 'ack':
      return sending.acknowledged(turn, message)
    case 'expected':
      return sending.expected(turn, message.n)
    case 'conflict':
      return connecting.restartOutbox(turn, 'conflict')
    case 'unknown_client':
      return connecting.restartOutbox(turn, 'forgotten')
    case 'recalled':
      return sending.recalled(turn, message)
    case 'authenticate':
      turn.effects.push({ type: 'ask-credential' })
      return
    case 'pong':
      return
    default:
      return unreachable(message)
  }
}

function timer(turn: Turn, name: TimerName): void {
  switch (name) {
    case 'handshake':
      return connecting.giveUp(turn, 'unreachable')
    case 'retry':
      if (turn.state.phase.name === 'waiting') connecting.beginAttempt(turn)
      return
    case 'stable':
      turn.state = { ...turn.state, attempt: 0 }
      return
    case 'heartbeat':
      return checkSilence(turn)
    case 'pong':
      turn.effects.push({ type: 'log', entry: { level: 'info', event: 'heartbeat-timeout' } })
      return connecting.giveUp(turn, 'unreachable')
    case 'pace':
      return sending.pump(turn)
    case 'resubscribe':
      return receiving.resubscribePaused(turn)
    default:
      return unreachable(name)
  }
}

function identified(turn: Turn, number: number): void {
  const link = liveLink(turn)
  if (link?.number !== number) return
  setLink(turn, { ...link, identified: true })
  sending.pump(turn)
}

function unreachable(never: never): never {
  throw new TypeError(`no such event: ${JSON.stringify(never)}`)
}
