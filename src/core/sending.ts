import { UNCOUNTED_UNITS } from '../protocol/frames.ts'
import type { Ack, Outcome, Recalled, RecalledFate } from '../protocol/messages.ts'
import { MAX_RECALL_IDS } from '../protocol/limits.ts'
import { breakProtocol, restartOutbox } from './connecting.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { Turn } from './events.ts'
import { exceedsFrame, mayExceed } from './frame-size.ts'
import { entryAt, idAt, nextRecall, settleThrough } from './outbox.ts'
import type { Fate, OutboxEntry, OutboxState } from './ports.ts'
import { ratesOf, reckoned, spend, waitMs, wholeIn, type Purses } from './purse.ts'
import { lastToLeave, lookForEnd } from './send-only.ts'
import type { CoreState, Link } from './state.ts'
import { change, changeLink, liveLink, sendText, setTimer, tell } from './turn.ts'

/**
 * The upward half: what may be sent now, and what the server says became of it. Nothing leaves that is not marked as
 * possibly sent in the store.
 */

/** Whether a message appended now would leave at once, so that its commit should count it as sent. */
export function sendsAtOnce({ phase, outbox }: CoreState): boolean {
  if (phase.name !== 'live') return false
  const { link } = phase
  return (
    link.identified &&
    !link.leaving &&
    link.recalling === null &&
    !link.isBehind &&
    link.sent === outbox.next - 1 &&
    outbox.next - link.hi < link.limits.sendWindow
  )
}

/** The lane of what is sent: it keeps its order. */
const MESSAGES = 1

/**
 * Text that is handed to the line at a time, in UTF-16 units: what has not left is better kept where it can be changed.
 */
const AHEAD_UNITS = 65_536

/** Whether the machine is to be told how the line is: it is another, or all of what it got has left. */
export function mayGoOn({ phase }: CoreState, isBehind: boolean): boolean {
  if (phase.name !== 'live') return false
  return phase.link.isBehind !== isBehind || (!isBehind && phase.link.ahead >= AHEAD_UNITS)
}

/** The line has let go of what it got, or has not. */
export function lineChanged(turn: Turn, isBehind: boolean): void {
  changeLink(turn, { isBehind, ...(!isBehind && { ahead: 0 }) })
  if (!isBehind) pump(turn)
}

/** Every number up to here may have left, or may be on its way out already. */
export function possiblySentThrough({ phase, outbox }: CoreState): number {
  return phase.name === 'live' ? Math.max(outbox.sentThrough, phase.link.raising) : outbox.sentThrough
}

/**
 * Messages that end at this moment of the store's time. What may have left may have been applied: it ends only when the
 * server has said that it does not have it, and is not at work on it.
 */
export function tooOld({ settings, phase, outbox }: CoreState, storeMs: number): readonly OutboxEntry[] {
  const oldestMs = storeMs - settings.outbox.maxAgeMs
  const appliedThrough = phase.name === 'live' ? Math.max(phase.link.sent, phase.link.begun) : outbox.sentThrough
  return outbox.entries.filter(({ n, atMs, skip, recall }) => atMs < oldestMs && n > appliedThrough && !skip && !recall)
}

/** Sends what may be sent: questions about earlier client ids first, then numbers in order, within window and rate. */
export function pump(turn: Turn): void {
  const link = liveLink(turn)
  if (!link?.identified || link.recalling || link.leaving) return
  const { outbox, sendOnly } = turn.state
  const question =
    sendOnly === null ? nextRecall(outbox, Math.min(MAX_RECALL_IDS, Math.floor(link.limits.frameBytes / RECALL_BYTES))) : null
  if (question) {
    sendText(turn, JSON.stringify({ type: 'recall', ...question }), MESSAGES)
    return changeLink(turn, { recalling: question })
  }
  const last = Math.min(lastToLeave(turn.state, link, turn.at.storeMs), link.hi + link.limits.sendWindow)
  if (last > outbox.sentThrough && link.raising < last) {
    turn.effects.push({ type: 'raise-sent-through', n: last })
    changeLink(turn, { raising: last })
  }
  sendEntries(turn, Math.min(last, outbox.sentThrough))
  lookForEnd(turn)
}

/** What an id takes of a question and its answer takes of a frame, where nothing is said of a reply. */
const RECALL_BYTES = 128

function sendEntries(turn: Turn, through: number): void {
  const link = liveLink(turn)
  if (!link) return
  const { outbox, confirmed, burying, partBytes } = turn.state
  let { sent, toldConfirmed, ahead } = link
  const { nowMs } = turn.at
  let purses = reckoned(link.purses, link.limits, nowMs)
  const ids: string[] = []
  while (sent < through && pauseMs(purses, link, nowMs) === 0 && ahead < AHEAD_UNITS && !link.isBehind) {
    const last = Math.min(through, sent + wholeIn(purses.messages, ratesOf(link.limits).messages, nowMs))
    const run = nextRun(outbox, burying, sent + 1, last, Math.min(link.limits.frameBytes / 4, partBytes - SEND_UNITS))
    const first = run[0]
    if (!first) break
    if (!first.skip && exceedsFrame(first.json, link.limits.frameBytes)) {
      // It would cost the socket on every try, and everything behind it would wait for ever.
      turn.effects.push({ type: 'reject-too-large', n: first.n })
      break
    }
    const text = first.skip ? skipFrame(run) : sendFrame(run, confirmed)
    sendText(turn, text, MESSAGES)
    if (!first.skip) for (const entry of run) ids.push(entry.id)
    if (!first.skip) toldConfirmed = confirmed
    sent += run.length
    ahead += text.length
    // A long frame is not counted by the server.
    purses = spent(purses, link, text.length < UNCOUNTED_UNITS ? 1 : 0, run.length, nowMs)
  }
  const pause = pauseMs(purses, link, nowMs)
  if (sent < through && pause > 0) setTimer(turn, 'pace', pause)
  if (ids.length > 0) tell(turn, { type: 'sent', ids })
  changeLink(turn, { sent, purses, toldConfirmed, ahead })
}

/**
 * Tells what is confirmed when that is due and no message goes out that would: a server that keeps too much for this
 * client applies nothing more.
 */
export function confirm(turn: Turn): void {
  const link = liveLink(turn)
  const { confirmed } = turn.state
  if (!link || link.leaving || confirmed <= link.toldConfirmed) return
  const { limits, sent, hi, toldConfirmed, replyUnits } = link
  if (sent - toldConfirmed < limits.unconfirmed / 2 && replyUnits < limits.replyBytes / 2) return
  sendText(turn, sendFrame([], confirmed), MESSAGES)
  const purses = spent(link.purses, link, 1, 0, turn.at.nowMs)
  changeLink(turn, { purses, toldConfirmed: confirmed, replyUnits: confirmed >= hi ? 0 : replyUnits })
}

/** Sends what is sent once or not at all: now, or never. */
export function volatile(turn: Turn, frame: string, count: number): void {
  const link = liveLink(turn)
  const { nowMs } = turn.at
  if (!link || whyDropped(turn.state, frame, count, nowMs)) return
  sendText(turn, frame, MESSAGES)
  changeLink(turn, { purses: spent(link.purses, link, 1, count, nowMs) })
}

/** Why a frame that is sent once or not at all would not be sent now; `null` when it would. */
export function whyDropped({ phase, outbox }: CoreState, frame: string, count: number, nowMs: number): ErrorData | null {
  if (phase.name !== 'live' || phase.link.leaving) return { code: 'not-connected', message: 'there is no connection' }
  const { link } = phase
  if (mayExceed(frame, link.limits.frameBytes)) return dropped('the messages do not fit a frame')
  const left = wholeIn(link.purses.messages, ratesOf(link.limits).messages, nowMs)
  if (count > left || pauseMs(link.purses, link, nowMs) > 0) return dropped('more is sent than the server takes')
  if (link.isBehind) return dropped('the line is not fast enough')
  const isBehind = link.sent < Math.min(outbox.sentThrough, link.hi + link.limits.sendWindow)
  return isBehind ? dropped('a queued message goes first') : null
}

function dropped(message: string): ErrorData {
  return { code: 'dropped', message }
}

/** Until a frame with messages may go out. */
function pauseMs({ frames, messages }: Purses, { limits }: Link, nowMs: number): number {
  const rates = ratesOf(limits)
  return Math.max(waitMs(frames, rates.frames, nowMs), waitMs(messages, rates.messages, nowMs))
}

/** The purses after so many frames with so many messages. */
function spent(purses: Purses, { limits }: Link, frames: number, messages: number, nowMs: number): Purses {
  const rates = ratesOf(limits)
  return {
    ...purses,
    frames: spend(purses.frames, rates.frames, frames, nowMs),
    messages: spend(purses.messages, rates.messages, messages, nowMs),
  }
}

/** What a message has beside channel and data, and a `send` beside its messages, in UTF-16 units, at most. */
const MESSAGE_UNITS = 110
const SEND_UNITS = 80

/**
 * The longest run of one kind (messages or tombstones) that fits a frame; at least one, unless the first is being
 * buried.
 */
function nextRun(outbox: OutboxState, burying: ReadonlySet<number>, from: number, through: number, units: number): OutboxEntry[] {
  const run: OutboxEntry[] = []
  let size = 0
  for (let n = from; n <= through; n++) {
    const entry = entryAt(outbox, n)
    if (!entry || burying.has(n) || (run[0] && !run[0].skip !== !entry.skip)) break
    size += entry.json.length + entry.channel.length + MESSAGE_UNITS
    if (run.length > 0 && size > units) break
    run.push(entry)
  }
  return run
}

function sendFrame(run: readonly OutboxEntry[], confirmed: number): string {
  const messages = run.map(
    ({ n, id, channel, json, mayRepeat }) =>
      `{"n":${n},"id":"${id}","channel":${JSON.stringify(channel)},"data":${json}${mayRepeat ? ',"mayRepeat":true' : ''}}`,
  )
  return `{"type":"send","confirmed":${confirmed},"messages":[${messages.join(',')}]}`
}

function skipFrame(run: readonly OutboxEntry[]): string {
  return JSON.stringify({ type: 'skip', numbers: run.map(({ n, id }) => ({ n, id })) })
}

/** The server has committed numbers. */
export function acknowledged(turn: Turn, { hi, stable, id, outcomes }: Ack): void {
  const link = liveLink(turn)
  const { outbox, decided } = turn.state
  if (!link || hi > outbox.sentThrough) return breakProtocol(turn)
  if (stable > outbox.acked && idAt(outbox, stable) !== id) return restartOutbox(turn, 'other-id')
  const told = outbox.acked + decided.length
  const byNumber = new Map(outcomes.map((outcome) => [outcome.n, outcome]))
  const news: (Fate | null)[] = []
  for (let n = told + 1; n <= hi; n++) {
    const entry = entryAt(outbox, n)
    if (!entry) return breakProtocol(turn)
    news.push(fateOf(entry, byNumber.get(n)))
  }
  const known = [...decided, ...news]
  tellFates(turn, news.filter(isFate))
  const covered = Math.max(0, stable - outbox.acked)
  if (covered > 0) turn.effects.push({ type: 'settle', through: stable, id, fates: known.slice(0, covered).filter(isFate) })
  change(turn, { outbox: settleThrough(outbox, stable, id), decided: known.slice(covered) })
  const replyUnits = link.replyUnits + unitsOf(news)
  changeLink(turn, { hi: Math.max(link.hi, hi), sent: Math.max(link.sent, hi), replyUnits })
  pump(turn)
}

/** Text that the server keeps for these until they are confirmed. */
function unitsOf(fates: readonly (Fate | null)[]): number {
  let units = 0
  for (const fate of fates) {
    if (fate?.fate === 'applied') units += fate.replyJson?.length ?? 0
    else if (fate?.fate === 'rejected') units += fate.message.length
  }
  return units
}

/** The next number the server can apply is `n`: sends from there, when it is still held. */
export function expected(turn: Turn, n: number): void {
  const link = liveLink(turn)
  const { outbox } = turn.state
  if (!link) return breakProtocol(turn)
  if (n <= outbox.acked) return restartOutbox(turn, 'server-went-back')
  // More is committed there than ever left here: another store sends under this client id, or this one forgot.
  if (n > outbox.sentThrough + 1) return restartOutbox(turn, 'store-went-back')
  changeLink(turn, { sent: n - 1 })
  pump(turn)
}

/** The answer to a question about an earlier client id. It is stored before anything is sent. */
export function recalled(turn: Turn, { client, fates }: Recalled): void {
  const link = liveLink(turn)
  if (!link?.recalling || link.recalling.client !== client) return
  const known = fates.map(fateOfRecalled)
  turn.effects.push({ type: 'store-recalled', client, asked: link.recalling.ids, fates: known, link: link.number })
  tellFates(turn, known)
}

function tellFates(turn: Turn, fates: readonly Fate[]): void {
  if (fates.length > 0) tell(turn, { type: 'fates', fates })
}

/** Whether there is something to tell. */
export function isFate(fate: Fate | null): fate is Fate {
  return fate !== null
}

/** What the server made of an entry; `null` for a tombstone: its fate was told when it was buried. */
export function fateOf({ id, skip }: OutboxEntry, outcome: Outcome | undefined): Fate | null {
  if (skip) return null
  if (outcome && 'rejected' in outcome) return { id, fate: 'rejected', reason: outcome.rejected, message: outcome.message }
  // Buried by an earlier hub that ended before its store knew.
  if (outcome && 'skipped' in outcome) return { id, fate: 'cancelled' }
  if (outcome && 'replyLost' in outcome) return { id, fate: 'applied', replyLost: outcome.replyLost }
  return outcome && 'reply' in outcome ? { id, fate: 'applied', replyJson: JSON.stringify(outcome.reply) } : { id, fate: 'applied' }
}

/** A store that went back may have forgotten that it buried the message: it stays buried. */
function fateOfRecalled(answer: RecalledFate): Fate {
  const { id, fate } = answer
  if (fate === 'skipped') return { id, fate: 'cancelled' }
  if (fate === 'rejected') return { id, fate, reason: answer.rejected, message: answer.message }
  if ('replyLost' in answer) return { id, fate, replyLost: answer.replyLost }
  return 'reply' in answer ? { id, fate, replyJson: JSON.stringify(answer.reply) } : { id, fate }
}
