import type { Cursor, PublishedMessage, Reset, ServerMessage, Subscribed } from '../protocol/messages.ts'
import { backoffDelayMs } from './backoff.ts'
import { breakProtocol } from './connecting.ts'
import * as errands from './errands.ts'
import type { Turn } from './events.ts'
import type { ChannelState } from './state.ts'
import { change, liveLink, setTimer, tell } from './turn.ts'

/**
 * The downward half: subscriptions, places, replay and verdicts. Nothing is handed on that is not the next message of
 * its channel.
 */

const EMPTY_CHANNEL: Omit<ChannelState, 'sub' | 'cursor'> = { stage: 'asked', head: 0, recovered: 0, missed: 0, failures: 0, misplaced: 0 }

/** A channel is wanted, from `cursor` on. Wanting it again changes nothing. */
export function subscribe(turn: Turn, channel: string, cursor: Cursor | null): void {
  const known = turn.state.channels.get(channel)
  if (known && known.stage !== 'refused') return
  ask(turn, channel, { ...EMPTY_CHANNEL, sub: 0, cursor: known?.cursor ?? cursor })
}

/** Nobody wants the channel any more. */
export function unsubscribe(turn: Turn, channel: string): void {
  const known = turn.state.channels.get(channel)
  if (!known) return
  const channels = new Map(turn.state.channels)
  channels.delete(channel)
  change(turn, { channels })
  if (known.stage !== 'refused') errands.drop(turn, known.sub)
}

/**
 * The answer to `hello` is here: asks for what was wanted since, and gives up what is not wanted any more. `asked` are
 * the subscriptions that `hello` named.
 */
export function catchUp(turn: Turn, asked: readonly number[]): void {
  const wanted = new Set([...turn.state.channels.values()].map(({ sub }) => sub))
  for (const sub of asked) if (!wanted.delete(sub)) errands.drop(turn, sub)
  for (const sub of wanted) errands.ask(turn, sub)
}

/** Asks for a value of a channel that is live, without disturbing it. */
export function wantSnapshot(turn: Turn, channel: string, from: number): void {
  const known = turn.state.channels.get(channel)
  if (known && (known.stage === 'live' || known.stage === 'replaying')) errands.askValue(turn, channel, from)
}

/** Asks again for the channels that pause. */
export function resubscribePaused(turn: Turn): void {
  for (const [channel, known] of turn.state.channels) if (known.stage === 'pausing') ask(turn, channel, { ...known, stage: 'asked' })
}

/** A frame about channels. */
export function receive(
  turn: Turn,
  message: Extract<ServerMessage, { type: 'subscribed' | 'missed_messages' | 'messages' | 'reset' | 'refused' | 'no_value' }>,
): void {
  switch (message.type) {
    case 'messages':
      for (const batch of message.batches) if (liveLink(turn)) advance(turn, batch.sub, batch.messages)
      return
    case 'missed_messages':
      return advance(turn, message.sub, message.messages)
    case 'subscribed':
      return subscribed(turn, message)
    case 'reset':
      return reset(turn, message)
    case 'no_value': {
      const [channel, known] = bySub(turn, message.sub)
      if (!known) return
      return tell(turn, { type: 'no-value', channel, reason: message.reason, message: message.message })
    }
    case 'refused': {
      const [channel, known] = bySub(turn, message.sub)
      if (!known) return
      put(turn, channel, { ...known, stage: 'refused' })
      return tell(turn, { type: 'refused', channel, reason: message.reason, message: message.message })
    }
  }
}

function subscribed(turn: Turn, message: Subscribed): void {
  const [channel, known] = bySub(turn, message.sub)
  if (!known) return
  const { head } = message
  switch (message.verdict) {
    case 'recovered': {
      const { cursor } = known
      if (known.stage !== 'asked' || cursor?.epoch !== head.epoch || head.offset - cursor.offset !== message.missed)
        return breakProtocol(turn)
      const missed = known.recovered + message.missed
      tell(turn, { type: 'recovering', channel, missed, upTo: head.offset })
      return put(turn, channel, arrived({ ...known, stage: 'replaying', head: head.offset, missed }))
    }
    case 'snapshot':
      if (!message.follows) {
        if (known.cursor?.epoch === head.epoch)
          tell(turn, { type: 'snapshot', channel, value: message.value, cursor: head, continues: true })
        return
      }
      if (known.cursor !== null) return breakProtocol(turn)
      tell(turn, { type: 'snapshot', channel, value: message.value, cursor: head, continues: false })
      return put(turn, channel, liveAt(known, head))
    case 'start': {
      // The answer to a question for a value, of a channel that has none: the subscription goes on.
      const continues = !message.follows
      if (continues && known.stage !== 'live' && known.stage !== 'replaying') return
      if (!continues && known.cursor !== null) return breakProtocol(turn)
      tell(turn, { type: 'started', channel, cursor: head, continues })
      if (continues) return
      return put(turn, channel, liveAt(known, head))
    }
  }
}

function advance(turn: Turn, sub: number, messages: readonly PublishedMessage[]): void {
  const [channel, known] = bySub(turn, sub)
  const last = messages[messages.length - 1]
  if (!known || last === undefined) return
  const { cursor, stage } = known
  if (cursor === null || (stage !== 'live' && stage !== 'replaying')) return breakProtocol(turn)
  if (messages[0]?.offset !== cursor.offset + 1) return doesNotFollow(turn, channel, known)
  const moved = { epoch: cursor.epoch, offset: last.offset, id: last.id }
  tell(turn, { type: 'messages', channel, messages, cursor: moved })
  const recovered = stage === 'replaying' ? known.recovered + messages.length : 0
  put(turn, channel, arrived({ ...known, cursor: moved, recovered }))
}

/** Ends the outage of a channel that has everything up to the announced head. */
function arrived(channel: ChannelState): ChannelState {
  if (channel.stage !== 'replaying' || (channel.cursor?.offset ?? 0) < channel.head) return channel
  return liveAt(channel, channel.cursor)
}

function liveAt({ sub, misplaced }: ChannelState, cursor: Cursor | null): ChannelState {
  return { ...EMPTY_CHANNEL, sub, cursor, stage: 'live', misplaced }
}

/**
 * What came does not follow. The first time on a link it is asked for at once; a server that goes on like that is asked
 * with pauses.
 */
function doesNotFollow(turn: Turn, channel: string, known: ChannelState): void {
  const next = { ...known, misplaced: known.misplaced + 1 }
  if (known.misplaced === 0) return ask(turn, channel, next)
  errands.drop(turn, known.sub)
  // What is still on its way under the old number is ignored.
  const sub = turn.state.nextSub
  change(turn, { nextSub: sub + 1 })
  pause(turn, channel, { ...next, sub }, known.misplaced - 1)
}

function pause(turn: Turn, channel: string, next: ChannelState, failures: number): void {
  setTimer(turn, 'resubscribe', backoffDelayMs(turn.state.settings.reconnect, failures, turn.at.fraction))
  put(turn, channel, { ...next, stage: 'pausing' })
}

/**
 * The place is lost, and given up: the channel is asked for as by a newcomer until a value came, so that the same loss
 * is not told twice.
 */
function reset(turn: Turn, { sub, reason, from, to }: Reset): void {
  const [channel, known] = bySub(turn, sub)
  if (!known) return
  const { failures, misplaced: times } = known
  if (known.cursor !== null) {
    tell(turn, { type: 'reset', channel, reason, ...(from === undefined || to === undefined ? {} : { from, to }) })
  }
  const lost: ChannelState = { ...EMPTY_CHANNEL, sub, cursor: null, failures, misplaced: times }
  const isRetried = reason === 'too-slow' || reason === 'hook-failed'
  if (isRetried && known.cursor === null) tell(turn, { type: 'no-value', channel, reason, message: 'tried again' })
  if (!isRetried) return put(turn, channel, { ...lost, stage: 'resetting' })
  pause(turn, channel, { ...lost, failures: failures + 1 }, failures)
}

/** Subscribes with the channel's own cursor under a new number; with the next `hello` when there is no link. */
function ask(turn: Turn, channel: string, known: ChannelState): void {
  const sub = turn.state.nextSub
  change(turn, { nextSub: sub + 1 })
  put(turn, channel, { ...known, sub, stage: 'asked' })
  errands.ask(turn, sub)
}

function bySub(turn: Turn, sub: number): [string, ChannelState] | ['', null] {
  for (const entry of turn.state.channels) if (entry[1].sub === sub) return entry
  return ['', null]
}

function put(turn: Turn, channel: string, next: ChannelState): void {
  change(turn, { channels: new Map(turn.state.channels).set(channel, next) })
}
