import type { ChannelDelivery, ResetNotice, SnapshotDelivery } from '../bridge/contract.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { DEFAULT_HISTORY } from '../protocol/limits.ts'
import type { Cursor, Id } from '../protocol/messages.ts'
import { guarded } from './listeners.ts'

/** A message of a channel. The same object goes to every handler of the tab: do not change it. */
export interface ChannelMessage<Event = unknown> {
  readonly data: Event
  /** Rises by one with every message, until a reset. */
  readonly offset: number
  readonly id: Id
  /** The id of the `send` it began as, when it began as one: to match an optimistic entry. */
  readonly origin?: Id
}

/** What comes with a channel's value. */
export interface SnapshotFacts {
  /** Wall-clock time at which this browser received it, ms. */
  readonly asOf: number
  /** There is no connection now, so there may be newer data. */
  readonly stale: boolean
}

/** What a subscriber wants to hear. One that throws is reported to the browser and keeps nobody else from hearing. */
export interface ChannelHandlers<Value = unknown, Event = unknown> {
  /** The channel's whole value: to begin with, and after a reset. Messages that follow may already be in it. */
  readonly snapshot?: (value: Value, facts: SnapshotFacts) => void
  /** The next message. None is skipped or repeated without a `reset`. */
  readonly message?: (message: ChannelMessage<Event>) => void
  /** What was heard so far is no longer continued. A snapshot, or simply newer messages, follow. */
  readonly reset?: (why: ResetNotice) => void
  /** Everything published while the connection was down has now been heard: this many messages. */
  readonly recovered?: (count: number) => void
  /** The server refused the channel; nothing more comes. */
  readonly refused?: (error: HoldfastError) => void
}

type Subscriber = readonly [ChannelHandlers]

/** One channel in one tab, as long as somebody subscribes. */
export interface ChannelFeed {
  /** Up to where every handler has run. */
  position(): Cursor | null
  /** How many subscribe. */
  count(): number
  add(handlers: ChannelHandlers): () => void
  deliver(delivery: ChannelDelivery): void
}

/**
 * Makes a feed. The hub serves a tab once per channel; the feed keeps the value and the messages since, as deep as a
 * server keeps them, to start those who subscribe later. Past that depth `restart` is called: the hub is asked for a
 * fresh value, for everybody.
 */
export function createChannelFeed(report: (error: unknown) => void, restart: () => void): ChannelFeed {
  /** Everybody, and those who hear already. In lists of their own, so that the same handlers can be added twice. */
  const all = new Set<Subscriber>()
  const live = new Set<Subscriber>()
  let position: Cursor | null = null
  /** What late subscribers begin with; `null` before the first value and after a reset. */
  let start: SnapshotDelivery | null = null
  let tail: (readonly [messages: readonly ChannelMessage[], length: number])[] = []
  let tailMessages = 0
  let tailLength = 0
  let isTailWhole = true
  /** Why there is no value to begin with yet; late subscribers are told, too. */
  let waitsFor: ResetNotice | null = null

  const tell = (to: Iterable<Subscriber>, name: keyof ChannelHandlers, ...news: readonly unknown[]): void => {
    for (const [handlers] of to) guarded(report, () => (handlers[name] as ((...news: readonly unknown[]) => void) | undefined)?.(...news))
  }
  const tellValue = (to: Iterable<Subscriber>, { json, atMs, stale }: SnapshotDelivery): void => {
    if (json !== undefined) tell(to, 'snapshot', JSON.parse(json), { asOf: atMs, stale })
  }
  const tellMessages = (to: Iterable<Subscriber>, messages: readonly ChannelMessage[]): void => {
    for (const message of messages) tell(to, 'message', message)
  }
  const reset = (why: ResetNotice): void => {
    position = start = null
    tell(live, 'reset', why)
  }

  function join(subscriber: Subscriber): void {
    // A value is of no use without all that followed it; without one, late subscribers begin where the memory does.
    if (start?.json !== undefined && !isTailWhole) {
      reset({ reason: 'trimmed' })
      restart()
    } else if (start) {
      tellValue([subscriber], start)
      for (const [messages] of tail) tellMessages([subscriber], messages)
    } else if (waitsFor) tell([subscriber], 'reset', waitsFor)
    live.add(subscriber)
  }

  function remember(messages: readonly ChannelMessage[], length: number): void {
    tail.push([messages, length])
    tailMessages += messages.length
    tailLength += length
    while (tailMessages > DEFAULT_HISTORY.messages || tailLength > DEFAULT_HISTORY.bytes) {
      const [oldest, oldestLength] = tail.shift() ?? [[], 0]
      tailMessages -= oldest.length
      tailLength -= oldestLength
      isTailWhole = false
    }
  }

  return {
    position: () => position,
    count: () => all.size,
    add(handlers) {
      const subscriber: Subscriber = [handlers]
      all.add(subscriber)
      // Never before `subscribe` has returned.
      queueMicrotask(() => all.has(subscriber) && join(subscriber))
      return () => {
        all.delete(subscriber)
        live.delete(subscriber)
      }
    },
    deliver({ reset: why, snapshot, messages: json, position: next, recovered, refused }) {
      if (why) {
        reset(why)
        waitsFor = why.reason === 'hook-failed' || why.reason === 'too-slow' ? why : null
      }
      if (snapshot) {
        waitsFor = null
        start = snapshot
        tail = []
        tailMessages = tailLength = 0
        isTailWhole = true
        tellValue(live, snapshot)
      }
      // Without a place in the channel these are leftovers of a subscription that this one replaced.
      if (position || start) {
        if (json) {
          const messages = JSON.parse(json) as ChannelMessage[]
          tellMessages(live, messages)
          remember(messages, json.length)
        }
        position = next ?? position
      }
      if (recovered !== undefined) tell(live, 'recovered', recovered)
      if (refused) tell(live, 'refused', HoldfastError.from(refused))
    },
  }
}
