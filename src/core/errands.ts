import type { SubscribeRequest } from '../protocol/messages.ts'
import { NO_ERRANDS } from './errand-list.ts'
import type { Turn } from './events.ts'
import { ratesOf, reckoned, spend, waitMs, wholeIn } from './purse.ts'
import type { Link } from './state.ts'
import { changeLink, liveLink, send, setTimer } from './turn.ts'

/** Asking for channels and values, and giving channels up, no faster than the server takes it (PROTOCOL.md, P60). */

/** Numbers to give up in one frame. */
const MOST_DROPPED = 1_000

/** The subscription is to be asked for. */
export function ask(turn: Turn, sub: number): void {
  const errands = liveLink(turn)?.errands
  if (errands) changeLink(turn, { errands: { ...errands, wanted: [...errands.wanted, sub] } })
}

/** The subscription is not wanted any more. One that was not asked for yet never is. */
export function drop(turn: Turn, sub: number): void {
  const errands = liveLink(turn)?.errands
  if (!errands) return
  const { wanted, dropped } = errands
  const isAsked = !wanted.includes(sub)
  const next = isAsked ? { ...errands, dropped: [...dropped, sub] } : { ...errands, wanted: wanted.filter((one) => one !== sub) }
  changeLink(turn, { errands: next })
}

/** A value of the channel at `from` or later is to be asked for. */
export function askValue(turn: Turn, channel: string, from: number): void {
  const errands = liveLink(turn)?.errands
  if (!errands) return
  const values = new Map(errands.values).set(channel, Math.max(from, errands.values.get(channel) ?? 0))
  changeLink(turn, { errands: { ...errands, values } })
}

/** Asks for as much as the rates allow; the rest shares the frames of the next time. */
export function runErrands(turn: Turn): void {
  const link = liveLink(turn)
  if (!link || link.leaving || link.errands === NO_ERRANDS) return
  if (!giveUp(turn) || !subscribe(turn) || !askForValues(turn)) return later(turn)
  changeLink(turn, { errands: NO_ERRANDS })
}

function giveUp(turn: Turn): boolean {
  for (;;) {
    const errands = liveLink(turn)?.errands ?? NO_ERRANDS
    const subs = errands.dropped.slice(0, MOST_DROPPED)
    if (subs.length === 0) return true
    if (!take(turn, 0)) return false
    send(turn, { type: 'unsubscribe', subs })
    changeLink(turn, { errands: { ...errands, dropped: errands.dropped.slice(subs.length) } })
  }
}

function subscribe(turn: Turn): boolean {
  const asked = new Map(
    [...turn.state.channels].map(([channel, { sub, cursor }]): [number, SubscribeRequest] => [sub, { sub, channel, cursor }]),
  )
  for (;;) {
    const link = liveLink(turn)
    if (!link || link.errands.wanted.length === 0) return true
    const { limits, errands } = link
    const wanted = errands.wanted.flatMap((sub) => asked.get(sub) ?? [])
    const subscriptions = asManyAsFit(wanted, limits.frameBytes / 4).slice(0, allowed(link, turn.at.nowMs))
    if (wanted.length > 0 && (subscriptions.length === 0 || !take(turn, subscriptions.length))) return false
    if (subscriptions.length > 0) send(turn, { type: 'subscribe', subscriptions })
    const left = wanted.slice(subscriptions.length).map(({ sub }) => sub)
    changeLink(turn, { errands: { ...errands, wanted: left } })
  }
}

function askForValues(turn: Turn): boolean {
  const { channels } = turn.state
  const values = new Map(liveLink(turn)?.errands.values)
  for (const [channel, from] of values) {
    const known = channels.get(channel)
    if (known && (known.stage === 'live' || known.stage === 'replaying')) {
      if (!take(turn, 1)) break
      send(turn, { type: 'snapshot_request', sub: known.sub, from })
    }
    values.delete(channel)
  }
  const errands = liveLink(turn)?.errands
  if (errands) changeLink(turn, { errands: { ...errands, values } })
  return values.size === 0
}

/** The first that fit a frame of so many bytes, and one at least. */
export function asManyAsFit(subscriptions: readonly SubscribeRequest[], bytes: number): readonly SubscribeRequest[] {
  let left = bytes
  // Names, ids and numbers are ASCII.
  const end = subscriptions.findIndex((one, at) => (left -= JSON.stringify(one).length + 1) < 0 && at > 0)
  return end < 0 ? subscriptions : subscriptions.slice(0, end)
}

/** Takes the frame, and so many subscriptions, where both rates allow it. */
function take(turn: Turn, subscriptions: number): boolean {
  const link = liveLink(turn)
  if (!link) return false
  const rates = ratesOf(link.limits)
  const { nowMs } = turn.at
  const { purses } = link
  const isSpent = waitMs(purses.errands, rates.errands, nowMs) > 0
  if (isSpent || allowed(link, nowMs) < subscriptions) return false
  const errands = spend(purses.errands, rates.errands, 1, nowMs)
  changeLink(turn, {
    purses: { ...purses, errands, subscriptions: spend(purses.subscriptions, rates.subscriptions, subscriptions, nowMs) },
  })
  return true
}

/** Subscriptions that may be asked for now. */
function allowed({ limits, purses }: Link, nowMs: number): number {
  return wholeIn(purses.subscriptions, ratesOf(limits).subscriptions, nowMs)
}

function later(turn: Turn): void {
  const link = liveLink(turn)
  if (!link) return
  const rates = ratesOf(link.limits)
  const { nowMs } = turn.at
  const purses = reckoned(link.purses, link.limits, nowMs)
  changeLink(turn, { purses })
  setTimer(
    turn,
    'errands',
    Math.max(1, waitMs(purses.errands, rates.errands, nowMs), waitMs(purses.subscriptions, rates.subscriptions, nowMs)),
  )
}
