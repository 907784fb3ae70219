import { FEATURES, PART_BYTES } from '../protocol/frames.ts'
import { afterClose, CLOSE } from '../protocol/close-codes.ts'
import type { SendOnly, SessionInit, SessionRestored } from '../protocol/messages.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { NO_ERRANDS } from './errand-list.ts'
import { afterTry, backoffDelayMs, believedPaidByMs, tryDelayMs } from './backoff.ts'
import type { TimerName, Turn } from './events.ts'
import { startHeartbeat } from './heartbeat.ts'
import type { Disagreement } from './notices.ts'
import { shortenParts } from './part-bytes.ts'
import { pursesFor } from './purse.ts'
import { openingSubscriptions } from './opening-subscriptions.ts'
import { openedLate, openingMs, waitToOpen } from './opening-time.ts'
import { compareMemories, sinceOf } from './outbox.ts'
import type { RefusalReason, WaitReason } from './public-state.ts'
import type { Phase, SendOnlyEnd } from './state.ts'
import { change, changeLink, clearTimer, liveLink, log, send, setTimer } from './turn.ts'
import { whatIsGiven } from './what-is-given.ts'

/** The life of the socket: tries, waits, refusals, and the answer to `hello`. Knows nothing of what flows once it is live. */

/** No answer to `hello` within this time of its socket's opening: the next try. */
export const HANDSHAKE_TIMEOUT_MS = 10_000

/**
 * How often it is looked at what the server owes: longer than a server may take for one message, with five tries of a handler at 30 s each and a
 * question for permission before.
 */
export const ANSWERS_MS = 240_000

/** Close code for "this side gives the socket up": not in the server's table, since no server sends it. */
const GIVEN_UP = 4000

const SOCKET_TIMERS: readonly TimerName[] = ['handshake', 'stable', 'heartbeat', 'pong', 'pace', 'errands', 'resubscribe', 'answers']

/** Whether there is a socket, open or opening. */
export function hasSocket(phase: Phase): boolean {
  return phase.name === 'opening' || phase.name === 'greeting' || phase.name === 'live'
}

/** Goes for a new socket now, or as soon as the limit of tries allows; with the `credential` that is given, or with one that is asked for. */
export function beginAttempt(turn: Turn, credential?: string | null): void {
  const { nowMs } = turn.at
  const triesPaidByMs = believedPaidByMs(turn.state.triesPaidByMs, nowMs)
  const delayMs = tryDelayMs(triesPaidByMs, nowMs)
  change(turn, { triesPaidByMs: delayMs > 0 ? triesPaidByMs : afterTry(triesPaidByMs, nowMs) })
  if (delayMs > 0) return waitFor(turn, delayMs, 'unreachable')
  clearTimer(turn, 'retry')
  change(turn, { phase: { name: 'asking' } })
  if (credential === undefined && turn.state.sendOnly === null) turn.effects.push({ type: 'ask-credential' })
  else open(turn, credential ?? null)
}

/** Somebody is back while the server would not have the credential: asks whether there is another one by now. */
export function askAnew(turn: Turn): void {
  const { phase } = turn.state
  if (phase.name !== 'refused' || phase.reason !== 'auth' || phase.asking) return
  turn.effects.push({ type: 'ask-credential' })
  change(turn, { phase: { ...phase, asking: true } })
}

/** The answer to that; `undefined` when nobody gave one. The same credential would be refused again, on every wake-up. */
export function answerAnew(turn: Turn, credential: string | null | undefined): void {
  const { phase, presented } = turn.state
  if (phase.name !== 'refused' || !phase.asking) return
  if (credential === undefined || credential === presented) change(turn, { phase: { name: 'refused', reason: phase.reason } })
  else beginAttempt(turn, credential)
}

/** The credential is here: opens the socket. */
export function open(turn: Turn, credential: string | null): void {
  if (turn.state.phase.name !== 'asking') return
  const untilMs = waitToOpen(turn, openingMs(turn.state, turn.at.nowMs))
  turn.effects.push({ type: 'open', partBytes: turn.state.partBytes })
  change(turn, { phase: { name: 'opening', credential, sinceMs: turn.at.nowMs, untilMs }, presented: credential })
}

/** The socket is open: says hello, with every channel that is wanted under a new number. */
export function greet(turn: Turn): void {
  const { phase, settings, session, sendOnly, outbox, confirmed, partBytes } = turn.state
  if (phase.name !== 'opening') return
  if (openedLate(turn)) return giveUp(turn, 'unreachable')
  const { channels, nextSub, named } = openingSubscriptions(turn.state)
  turn.effects.push({
    type: 'hello',
    hello: {
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      client: outbox.client,
      sender: outbox.sender,
      confirmed,
      user: settings.user,
      session: sendOnly === null ? session : null,
      credential: phase.credential,
      subscriptions: named,
      ...(sendOnly === null ? {} : { outboxToken: sendOnly }),
      features: FEATURES,
      ...(partBytes < PART_BYTES && { partBytes }),
    },
  })
  setTimer(turn, 'handshake', HANDSHAKE_TIMEOUT_MS)
  change(turn, {
    phase: { name: 'greeting', asked: named.map(({ sub }) => sub), confirmed, sinceMs: phase.sinceMs, greetedMs: turn.at.nowMs },
    channels,
    nextSub,
    openingTookMs: Math.max(0, turn.at.nowMs - phase.sinceMs),
  })
}

/** The answer to `hello`. Nothing of the outbox moves before the memories agree and the answer is stored. */
export function welcome(turn: Turn, answer: SessionInit | SessionRestored | SendOnly): void {
  const { state } = turn
  if (state.phase.name !== 'greeting') return breakProtocol(turn)
  if (answer.user !== state.settings.user) return refuse(turn, 'user')
  const given = whatIsGiven(turn, answer)
  if (given === null) return breakProtocol(turn)
  // An outbox token is worth something under its own ledger alone: whoever answers with another one has not read it.
  const isStranger = answer.type === 'send_only' && answer.ledger !== state.outbox.ledger
  const disagreement = isStranger ? 'ledger' : compareMemories(state.outbox, answer)
  change(turn, { comeBack: null, ...(given.session && { session: given.session }) })
  if (disagreement) return restartOutbox(turn, disagreement)
  const number = state.links + 1
  const committed = answer.client?.hi ?? 0
  // What the server has committed has been sent, even if this store forgot that it raised its mark.
  const sentThrough = Math.max(state.outbox.sentThrough, committed)
  const since = sinceOf(state.outbox, answer)
  clearTimer(turn, 'handshake')
  setTimer(turn, 'stable', state.settings.reconnect.stableAfterMs)
  turn.effects.push({
    type: 'save-identity',
    identity: { ...given, ledger: answer.ledger, since, sentThrough },
    link: number,
  })
  log(turn, { level: 'info', event: answer.type, ...(answer.type === 'send_only' ? {} : { connection: answer.connection }) })
  change(turn, {
    links: number,
    limits: answer.limits,
    outbox: { ...state.outbox, ledger: answer.ledger, since, sentThrough },
    phase: {
      name: 'live',
      link: {
        number,
        limits: answer.limits,
        heartbeat: answer.heartbeat,
        identified: false,
        begun: answer.begun ?? 0,
        sent: committed,
        hi: committed,
        raising: 0,
        recalling: null,
        purses: pursesFor(answer.limits, state.phase.asked.length, turn.at.nowMs),
        errands: NO_ERRANDS,
        toldConfirmed: state.phase.confirmed,
        replyUnits: 0,
        sinceMs: turn.at.nowMs,
        lastHeardMs: turn.at.nowMs,
        lastSaidMs: turn.at.nowMs,
        pinging: false,
        looked: null,
        isBehind: false,
        ahead: 0,
        hasMoved: false,
      },
    },
  })
  startHeartbeat(turn)
  setTimer(turn, 'answers', ANSWERS_MS)
}

/** The user leaves: asks the server to end the session. What it still answers is heard. */
export function signOut(turn: Turn): void {
  if (!liveLink(turn)) return
  send(turn, { type: 'sign_out' })
  changeLink(turn, { leaving: true })
}

/** The socket was closed by the other side or the network. */
export function lost(turn: Turn, code: number): void {
  if (!hasSocket(turn.state.phase)) return
  shortenParts(turn, code)
  if (code === CLOSE.signedOut.code && liveLink(turn)?.leaving) {
    leaveSocket(turn)
    return change(turn, { phase: { name: 'resting' }, session: null })
  }
  if (code === CLOSE.replaced.code && turn.state.phase.name === 'live') {
    const { lateHellos } = turn.state
    if (lateHellos > 0) {
      leaveSocket(turn)
      change(turn, { lateHellos: lateHellos - 1 })
      return fail(turn, 'unreachable', code)
    }
    // This hub holds the owner lock, so no other hub of this profile can have taken the session: the profile was copied.
    change(turn, { session: null })
    return restartOutbox(turn, 'cloned')
  }
  leaveSocket(turn)
  // A credential that ends on an open connection says nothing of the next one: it is asked for before the answer counts.
  const outlived = code === CLOSE.unauthenticated.code && turn.state.phase.name === 'live' && turn.state.sendOnly === null
  if (afterClose(code) === 'refuse' && !outlived) return settleRefused(turn, refusalOf(code))
  fail(turn, code === CLOSE.badMessage.code ? 'protocol' : turn.state.comeBack ? 'server-restart' : 'unreachable', code)
}

/** This side gives the socket up and tries again later. */
export function giveUp(turn: Turn, reason: WaitReason, code: number = GIVEN_UP): void {
  closeSocket(turn, code, reason)
  fail(turn, reason)
}

/** The other side broke the protocol. Trying again later is all that can be done; a hub must survive any server. */
export function breakProtocol(turn: Turn): void {
  log(turn, { level: 'error', event: 'protocol-broken', phase: turn.state.phase.name })
  giveUp(turn, 'protocol', CLOSE.badMessage.code)
}

/**
 * A try failed: waits as the server said, else by the backoff. The wait is reckoned from the try's socket on: one that failed late has waited already, and
 * servers are asked no more often for it.
 */
export function fail(turn: Turn, reason: WaitReason, closeCode?: number): void {
  const { attempt, comeBack, settings, online, phase } = turn.state
  const { nowMs, fraction } = turn.at
  const triedMs = phase.name === 'opening' || phase.name === 'greeting' ? Math.min(phase.sinceMs, nowMs) : nowMs
  const troubledSinceMs = Math.min(turn.state.troubledSinceMs ?? triedMs, triedMs)
  const isHurried = phase.name === 'opening' && phase.isHurried
  const delayMs = comeBack
    ? comeBack.minMs + fraction * (comeBack.maxMs - comeBack.minMs)
    : isHurried
      ? 0
      : backoffDelayMs(settings.reconnect, attempt, fraction, triedMs - troubledSinceMs) - (nowMs - triedMs)
  change(turn, { attempt: attempt + 1, comeBack: null, troubledSinceMs })
  const exhausted = attempt + 1 >= settings.reconnect.maxAttempts
  if (exhausted && turn.state.sendOnly !== null) return endSendOnly(turn, 'again', reason)
  waitFor(turn, exhausted ? Infinity : Math.max(0, delayMs), reason === 'unreachable' && !online ? 'offline' : reason, closeCode)
}

/** Stops for good. */
export function stop(turn: Turn): void {
  closeSocket(turn, 1000, 'closed')
  clearTimer(turn, 'retry')
  change(turn, { phase: { name: 'resting' } })
}

/** A machine that only sends has nothing more to do, or may not. */
export function endSendOnly(turn: Turn, end: SendOnlyEnd['end'], why: string): void {
  if (turn.state.phase.name === 'ended' || turn.state.phase.name === 'resting') return
  closeSocket(turn, 1000, 'ended')
  clearTimer(turn, 'retry')
  change(turn, { phase: { name: 'ended', end, why } })
}

/** Client and server remember different things: a new client id from the store, then a new `hello` (PROTOCOL.md, P20). */
export function restartOutbox(turn: Turn, why: Disagreement): void {
  // Its token is bound to the client id, and there is nobody here to tell.
  if (turn.state.sendOnly !== null) return endSendOnly(turn, 'tab', why)
  closeSocket(turn, GIVEN_UP, 'restart')
  turn.effects.push({ type: 'restart', why })
  log(turn, { level: 'info', event: 'outbox-restart', why })
  change(turn, { phase: { name: 'restarting' }, restarts: turn.state.restarts + 1 })
}

/** The outbox has its new client id. A server that goes on disagreeing is tried like one that cannot be reached. */
export function outboxRestarted(turn: Turn): void {
  if (turn.state.restarts > 1) fail(turn, 'protocol')
  else beginAttempt(turn)
}

function refuse(turn: Turn, reason: RefusalReason): void {
  closeSocket(turn, 1000, 'refused')
  settleRefused(turn, reason)
}

function settleRefused(turn: Turn, reason: RefusalReason): void {
  if (turn.state.sendOnly !== null) return endSendOnly(turn, 'tab', reason)
  log(turn, { level: 'info', event: 'refused', reason })
  change(turn, { phase: { name: 'refused', reason } })
}

function refusalOf(code: number): RefusalReason {
  if (code === CLOSE.wrongUser.code) return 'user'
  if (code === CLOSE.forbidden.code) return 'forbidden'
  return code === CLOSE.version.code ? 'version' : 'auth'
}

function waitFor(turn: Turn, delayMs: number, reason: WaitReason, closeCode?: number): void {
  change(turn, { phase: { name: 'waiting', retryAtMs: turn.at.nowMs + delayMs, reason, closeCode } })
  if (delayMs === Infinity) clearTimer(turn, 'retry')
  else setTimer(turn, 'retry', delayMs)
}

function closeSocket(turn: Turn, code: number, reason: string): void {
  if (!hasSocket(turn.state.phase)) return
  turn.effects.push({ type: 'close', code, reason })
  leaveSocket(turn)
}

function leaveSocket(turn: Turn): void {
  if (turn.state.phase.name === 'greeting') change(turn, { lateHellos: turn.state.lateHellos + 1 })
  for (const timer of SOCKET_TIMERS) clearTimer(turn, timer)
}
