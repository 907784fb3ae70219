import * as connecting from './connecting.ts'
import { runErrands } from './errands.ts'
import type { CoreEvent, Effect, Moment, Turn } from './events.ts'
import { checkSilence, heard, ping } from './heartbeat.ts'
import { held } from './held.ts'
import { hurry } from './opening-time.ts'
import { appendEntries, applyRecalled, buryNumbers, notHeld } from './outbox.ts'
import { lookForAnswers, progress } from './progress.ts'
import * as receiving from './receiving.ts'
import { lookForEnd, mayHear } from './send-only.ts'
import * as sending from './sending.ts'
import { FRESH_TRIES, type CoreState } from './state.ts'
import { change, changeLink, liveLink, log, send } from './turn.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import type { TimerName } from './events.ts'
import { keepOutboxToken } from './what-is-given.ts'

/**
 * The session machine: pure, total and deterministic. The same state, event and moment give the same next state and
 * effects, in the order in which they are to be done. Events that mean nothing in a phase change nothing.
 */
export function transition(
  state: CoreState,
  event: CoreEvent,
  at: Moment,
): { readonly state: CoreState; readonly effects: readonly Effect[] } {
  const turn: Turn = { state, effects: [], at }
  handle(turn, event)
  runErrands(turn)
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
        change(turn, { ...FRESH_TRIES, comeBack: null })
        connecting.beginAttempt(turn)
      } else ping(turn)
      return
    case 'wake':
      if (phase.name === 'waiting') connecting.beginAttempt(turn)
      else if (phase.name === 'refused') connecting.askAnew(turn)
      else if (phase.name === 'opening') hurry(turn)
      else ping(turn)
      return
    case 'presence':
      change(turn, { visible: event.visible, online: event.online })
      // Reckoned from what was heard last, not begun anew: tabs that come and go must not keep a dead peer unnoticed.
      return checkSilence(turn)
    case 'credential':
      if (phase.name === 'refused') return connecting.answerAnew(turn, event.credential)
      if (phase.name !== 'live') return connecting.open(turn, event.credential)
      if (event.credential !== null) send(turn, { type: 'authenticate', credential: event.credential })
      return
    case 'no-credential':
      if (phase.name === 'asking') connecting.fail(turn, 'no-credential')
      return connecting.answerAnew(turn, undefined)
    case 'opened':
      return connecting.greet(turn)
    case 'frame':
      if (!connecting.hasSocket(phase)) return
      heard(turn)
      return frame(turn, event.message)
    case 'progress':
      if (!connecting.hasSocket(phase)) return
      heard(turn)
      return progress(turn, event.hasMoved)
    case 'line':
      return sending.lineChanged(turn, event.isBehind)
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
      return sending.volatile(turn, event.frame, event.count)
    case 'appended':
      if (event.client !== outbox.client) return
      change(turn, { outbox: appendEntries(outbox, notHeld(outbox, event.entries), event.sent) })
      return sending.pump(turn)
    case 'sent-through':
      if (event.client !== outbox.client) return
      change(turn, { outbox: { ...outbox, sentThrough: Math.max(outbox.sentThrough, event.n) } })
      return sending.pump(turn)
    case 'identified':
      return identified(turn, event.link)
    case 'settled':
      if (event.client === outbox.client) change(turn, { confirmed: Math.max(turn.state.confirmed, event.through) })
      sending.confirm(turn)
      return lookForEnd(turn)
    case 'burying':
      if (event.client === outbox.client) change(turn, { burying: new Set([...turn.state.burying, ...event.numbers]) })
      return
    case 'buried':
    case 'kept': {
      if (event.client !== outbox.client) return
      const burying = new Set(turn.state.burying)
      for (const n of event.numbers) burying.delete(n)
      change(turn, { burying, ...(event.type === 'buried' ? { outbox: buryNumbers(outbox, event.numbers, event.why) } : {}) })
      return sending.pump(turn)
    }
    case 'recalled':
      // Applied to this copy, not taken from the store: what was buried since the store was called must stay buried.
      change(turn, { outbox: applyRecalled(outbox, event.client, event.asked, event.fates, event.hold).outbox })
      return
    case 'restarted':
      change(turn, { outbox: event.outbox, confirmed: 0, decided: [], burying: new Set() })
      if (phase.name === 'restarting') connecting.outboxRestarted(turn)
      // The store answered after it had been given up: this socket said hello under the old client id.
      else if (connecting.hasSocket(phase)) connecting.giveUp(turn, 'unreachable')
      return
    case 'store-failed':
      if (phase.name === 'restarting') return connecting.fail(turn, 'unreachable')
      if (turn.state.sendOnly !== null) return connecting.endSendOnly(turn, 'again', 'store')
      if (connecting.hasSocket(phase)) connecting.giveUp(turn, 'unreachable')
      return
    case 'sign-out':
      return connecting.signOut(turn)
    case 'stop':
      return connecting.stop(turn)
    default:
      event satisfies never
  }
}

function frame(turn: Turn, message: ServerMessage): void {
  if (!mayHear(turn.state, message)) return connecting.breakProtocol(turn)
  if (message.type === 'session_init' || message.type === 'session_restored' || message.type === 'send_only') {
    const { phase } = turn.state
    connecting.welcome(turn, message)
    if (phase.name === 'greeting') receiving.catchUp(turn, phase.asked)
    return
  }
  if (message.type === 'goodbye') {
    change(turn, { comeBack: { minMs: message.retryMinMs, maxMs: message.retryMaxMs } })
    return
  }
  if (!liveLink(turn)) return connecting.breakProtocol(turn)
  switch (message.type) {
    case 'messages':
    case 'missed_messages':
    case 'subscribed':
    case 'reset':
    case 'refused':
    case 'no_value':
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
    case 'outbox_token':
      return keepOutboxToken(turn, message.outboxToken)
    case 'pong':
      return
    default:
      message satisfies never
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
      return held(turn)
    case 'heartbeat':
      return checkSilence(turn)
    case 'pong':
      log(turn, { level: 'info', event: 'heartbeat-timeout' })
      return connecting.giveUp(turn, 'unreachable')
    case 'answers':
      return lookForAnswers(turn)
    case 'pace':
      return sending.pump(turn)
    case 'errands':
      return
    case 'resubscribe':
      return receiving.resubscribePaused(turn)
    default:
      name satisfies never
  }
}

function identified(turn: Turn, number: number): void {
  const link = liveLink(turn)
  if (link?.number !== number) return
  changeLink(turn, { identified: true, recalling: null })
  sending.pump(turn)
}
