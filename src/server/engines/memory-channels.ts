import { ChannelLog } from '../channel-log.ts'
import { channelOfKey, type EngineHost, type Publication, type Refusal } from '../engine.ts'
import type { Id } from '../../protocol/index.ts'

interface Channel {
  readonly log: ChannelLog
  isRead: boolean
}

/** What is ready to be appended: nothing of it can fail any more. */
export interface Prepared {
  readonly fresh: ReadonlyMap<string, Channel> | undefined
  /** Channels that make room for these. */
  readonly givenUp: readonly string[]
  /** An id for each message. */
  readonly ids: readonly Id[]
  readonly nowMs: number
}

/** The channels of the memory engine. What calls the host is apart from what changes something. */
export class MemoryChannels {
  readonly #most: number
  readonly #channels = new Map<string, Channel>()

  /** @param most channels kept */
  constructor(most: number) {
    this.#most = most
  }

  /** Channels kept. */
  get size(): number {
    return this.#channels.size
  }

  /** The logs of all. */
  *logs(): Iterable<ChannelLog> {
    for (const { log } of this.#channels.values()) yield log
  }

  /** See `Engine.probe`. */
  probe(host: EngineHost, key: string, others: number): 'known' | 'new' | Refusal {
    if (this.#channels.has(key)) return 'known'
    if (this.#spare(others + 1, []) === null) return 'no-room'
    return host.history(channelOfKey(key)) === null ? 'no-history' : 'new'
  }

  /** Readies publications. Changes nothing. */
  prepare(host: EngineHost, publications: readonly Publication[]): Prepared | Refusal {
    const nowMs = host.clock.nowMs()
    let fresh: Map<string, Channel> | undefined
    const ids: Id[] = []
    for (const { key } of publications) {
      if (!this.#channels.has(key) && !fresh?.has(key)) {
        const channel = make(host, key)
        if (channel === null) return 'no-history'
        fresh ??= new Map()
        fresh.set(key, channel)
      }
      ids.push(host.random.id())
    }
    const givenUp = fresh === undefined ? [] : this.#spare(fresh.size, publications)
    return givenUp === null ? 'no-room' : { fresh, givenUp, ids, nowMs }
  }

  /** Makes the channels that publications were readied with, in the turn in which they were. */
  make({ fresh, givenUp }: Prepared): void {
    for (const key of givenUp) this.#channels.delete(key)
    if (fresh !== undefined) for (const [key, channel] of fresh) this.#channels.set(key, channel)
  }

  /** Appends the publication at this place among those that were readied. */
  append({ ids, nowMs }: Prepared, at: number, { key, data }: Publication, origin: Id | undefined): ChannelLog {
    const { log } = this.#channels.get(key) ?? never()
    log.append(ids[at] ?? never(), data, origin, nowMs)
    return log
  }

  /** A channel's log, for somebody who reads it. */
  open(host: EngineHost, key: string): { readonly log: ChannelLog; readonly givenUp: number } | Refusal {
    const nowMs = host.clock.nowMs()
    let channel = this.#channels.get(key) ?? null
    const givenUp = channel === null ? this.#spare(1, []) : []
    if (givenUp === null) return 'no-room'
    if (channel === null) {
      channel = make(host, key)
      if (channel === null) return 'no-history'
      this.make({ fresh: new Map([[key, channel]]), givenUp, ids: [], nowMs })
    }
    channel.isRead = true
    channel.log.trim(nowMs)
    return { log: channel.log, givenUp: givenUp.length }
  }

  /** Nobody reads the channel any more. */
  release(key: string): void {
    const channel = this.#channels.get(key)
    if (channel !== undefined) channel.isRead = false
  }

  /** Forgets all. */
  clear(): void {
    this.#channels.clear()
  }

  /**
   * Channels to give up for so many new ones: at the limit those that nobody reads and that keep no message, but none
   * that is about to be published to. Their next epoch is
   * another, so whoever still has a place in one is told so. `null`: there are not enough.
   */
  #spare(count: number, publications: readonly Publication[]): string[] | null {
    const wanted = this.#channels.size + count - this.#most
    if (wanted <= 0) return []
    const kept = new Set(publications.map(({ key }) => key))
    const spare: string[] = []
    for (const [key, { log, isRead }] of this.#channels) {
      if (isRead || log.size > 0 || kept.has(key)) continue
      spare.push(key)
      if (spare.length === wanted) return spare
    }
    return null
  }
}

function make(host: EngineHost, key: string): Channel | null {
  const limits = host.history(channelOfKey(key))
  return limits === null ? null : { log: new ChannelLog(host.random.id(), limits), isRead: false }
}

function never(): never {
  throw new Error('a channel that was readied is not there')
}
