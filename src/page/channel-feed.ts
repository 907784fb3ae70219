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
 * Makes a feed. The hub serves a tab once per channel; the feed keeps the value and the messages since, as deep as a server keeps them,
 * to start those who subscribe later. Past that depth `restart` is called: the hub is asked for a fresh value, for everybody.
 */
export function createChannelFeed(report: (error: unknown) => void, restart: () => void): ChannelFeed {
  const live = new Set<ChannelHandlers>()
  let joining = 0
  let position: Cursor | null = null
  /** What late subscribers begin with; `null` before the first value and after a reset. */
  let start: SnapshotDelivery | null = null
  let tail: { readonly messages: readonly ChannelMessage[]; readonly length: number }[] = []
  let tailMessages = 0
  let tailLength = 0
  const isTailTooLong = (): boolean => tailMessages > DEFAULT_HISTORY.messages || tailLength > DEFAULT_HISTORY.bytes

  const tell = (to: Iterable<ChannelHandlers>, call: (handlers: ChannelHandlers) => void): void => {
    for (const handlers of to) guarded(report, () => call(handlers))
  }
  const tellValue = (to: Iterable<ChannelHandlers>, { json, atMs, stale }: SnapshotDelivery): void => {
    if (json === undefined) return
    const value: unknown = JSON.parse(json)
    tell(to, ({ snapshot }) => snapshot?.(value, { asOf: atMs, stale }))
  }
  const tellMessages = (to: Iterable<ChannelHandlers>, messages: readonly ChannelMessage[]): void => {
    for (const message of messages) tell(to, (handlers) => handlers.message?.(message))
  }
  const reset = (why: ResetNotice): void => {
    position = start = null
    tell(live, (handlers) => handlers.reset?.(why))
  }
  const begin = (next: SnapshotDelivery): void => {
    start = next
    tail = []
    tailMessages = tailLength = 0
  }

  function join(handlers: ChannelHandlers): void {
    if (start !== null && isTailTooLong()) {
      reset({ reason: 'trimmed' })
      restart()
    } else if (start !== null) {
      tellValue([handlers], start)
      for (const { messages } of tail) tellMessages([handlers], messages)
    }
    live.add(handlers)
  }

  function remember(messages: readonly ChannelMessage[], length: number): void {
    tail.push({ messages, length })
    tailMessages += messages.length
    tailLength += length
    if (!isTailTooLong()) return
    // A value is of no use without all that followed it; without one, late subscribers begin where the memory does.
    if (start?.json !== undefined) tail = []
    else {
      while (isTailTooLong()) {
        const oldest = tail.shift()
        tailMessages -= oldest?.messages.length ?? 0
        tailLength -= oldest?.length ?? 0
      }
    }
  }

  return {
    position: () => position,
    count: () => live.size + joining,
    add(given) {
      // Its own object, so that the same handlers can be added twice.
      const handlers = { ...given }
      let state: 'joining' | 'live' | 'gone' = 'joining'
      joining++
      // Never before `subscribe` has returned.
      queueMicrotask(() => {
        if (state === 'gone') return
        state = 'live'
        joining--
        join(handlers)
      })
      return () => {
        if (state === 'joining') joining--
        state = 'gone'
        live.delete(handlers)
      }
    },
    deliver(delivery) {
      if (delivery.reset) reset(delivery.reset)
      if (delivery.snapshot) {
        begin(delivery.snapshot)
        tellValue(live, delivery.snapshot)
      }
      // Without a place in the channel these are leftovers of a subscription that this one replaced.
      if (delivery.messages !== undefined && (position !== null || start !== null)) {
        const messages = JSON.parse(delivery.messages) as ChannelMessage[]
        tellMessages(live, messages)
        remember(messages, delivery.messages.length)
      }
      if (delivery.position && (position !== null || start !== null)) position = delivery.position
      const { recovered, refused } = delivery
      if (recovered !== undefined) tell(live, (handlers) => handlers.recovered?.(recovered))
      if (refused) tell(live, (handlers) => handlers.refused?.(HoldfastError.from(refused)))
    },
  }
}
