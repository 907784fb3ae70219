import { ChannelLog } from '../channel-log.ts'
import { channelOfKey, type EngineHost, type Publication, type Refusal } from '../engine.ts'
import type { Holder } from '../holder.ts'
import { paysAfter, shareLimits, Shares, type Portions, type Share } from '../shares.ts'
import { SWEPT } from '../swept.ts'
import type { Id } from '../../protocol/index.ts'

interface Channel {
  readonly key: string
  readonly log: ChannelLog
  isRead: boolean
  /** Its part of the budget, from the first message on. */
  share: Share<Channel> | undefined
}

/** What is ready to be appended: nothing of it can fail any more. */
export interface Prepared {
  readonly holder: Holder
  readonly fresh: ReadonlyMap<string, Channel> | undefined
  /** An id for each message. */
  readonly ids: readonly Id[]
  readonly nowMs: number
}

/** Channels given up at a time for the bytes of others: the rest has its turn with the next message. */
const GIVEN_UP_AT_ONCE = 64

/**
 * The channels of the memory engine. What calls the host is apart from what changes something.
 *
 * A channel that nobody has published to takes no place: it lives as long as somebody reads it. All of them share an
 * epoch, so that whoever comes back is told that nothing was missed. It is another one from the moment on in which a
 * channel is given up that had messages: such a channel may begin again with nothing in it.
 */
export class MemoryChannels {
  readonly #channels = new Map<string, Channel>()
  /** Channels that are read and hold nothing yet. */
  readonly #unborn = new Map<string, Channel>()
  readonly #shares: Shares<Channel>
  /** What the smallest channel takes: so many times it, and there are as many channels as there may be. */
  readonly #unit: number
  #emptyEpoch: Id | undefined
  #nextEpoch: Id | undefined
  #messages = 0
  #bytes = 0
  #givenUp = 0
  #unswept: Iterator<Channel> | undefined

  /**
   * @param most channels kept
   * @param mostBytes of messages in all of them
   */
  constructor(most: number, mostBytes: number, portions: Portions) {
    this.#unit = Math.max(1, Math.floor(mostBytes / most))
    this.#shares = new Shares(shareLimits(this.#unit * most, this.#unit, portions))
  }

  /** Channels kept. */
  get size(): number {
    return this.#channels.size
  }

  /** Messages kept, in all channels. */
  get messages(): number {
    return this.#messages
  }

  /** UTF-8 bytes of them. */
  get bytes(): number {
    return this.#bytes
  }

  /** How many channels were given up since this was asked last. */
  takeGivenUp(): number {
    const givenUp = this.#givenUp
    this.#givenUp = 0
    return givenUp
  }

  /** See `Engine.probe`. */
  probe(host: EngineHost, key: string, others: number, holder: Holder): 'known' | 'new' | Refusal {
    if (this.#channels.has(key)) return 'known'
    if (!this.#shares.canFit(holder, (others + 1) * this.#unit)) return 'no-room'
    return this.#unborn.has(key) || host.history(channelOfKey(key)) !== null ? 'new' : 'no-history'
  }

  /** Readies publications. Changes nothing. */
  prepare(host: EngineHost, publications: readonly Publication[], holder: Holder): Prepared | Refusal {
    const nowMs = host.clock.nowMs()
    this.#readyEpochs(host)
    let fresh: Map<string, Channel> | undefined
    const ids: Id[] = []
    for (const { key } of publications) {
      if (!this.#channels.has(key) && !fresh?.has(key)) {
        const channel = this.#unborn.get(key) ?? make(host, key, host.random.id())
        if (channel === null) return 'no-history'
        fresh ??= new Map()
        fresh.set(key, channel)
      }
      ids.push(host.random.id())
    }
    if (fresh !== undefined && !this.#hasRoom(fresh.size, publications, holder)) return 'no-room'
    return { holder, fresh, ids, nowMs }
  }

  /** Appends what was readied, in the turn in which it was. */
  append(
    { holder, fresh, ids, nowMs }: Prepared,
    publications: readonly Publication[],
    origins: readonly (Id | undefined)[],
  ): ChannelLog[] {
    this.#pin(publications)
    if (fresh !== undefined) for (const channel of fresh.values()) this.#keep(channel, holder)
    const logs = publications.map(({ key, data }, at) => {
      const channel = this.#channels.get(key) ?? never()
      this.#change(channel, (log) => log.append(ids[at] ?? never(), data, origins[at], nowMs))
      this.#charge(channel, holder)
      return channel.log
    })
    this.#unpin(publications)
    return logs
  }

  /** A channel's log, for somebody who reads it. */
  open(host: EngineHost, key: string): ChannelLog | Refusal {
    const nowMs = host.clock.nowMs()
    this.#readyEpochs(host)
    const channel = this.#channels.get(key) ?? this.#unborn.get(key) ?? make(host, key, this.#emptyEpoch ?? never())
    if (channel === null) return 'no-history'
    channel.isRead = true
    if (channel.share === undefined) this.#unborn.set(key, channel)
    else {
      this.#shares.use(channel.share)
      this.#change(channel, (log) => log.trim(nowMs))
    }
    return channel.log
  }

  /** Nobody reads the channel any more. */
  release(key: string): void {
    this.#unborn.delete(key)
    const channel = this.#channels.get(key)
    if (channel === undefined) return
    channel.isRead = false
    if (channel.share !== undefined) this.#shares.rest(channel.share)
  }

  /** Trims what is too old, in some of the channels: the others have their turn with the next sweeps. */
  sweep(nowMs: number): void {
    for (let left = Math.min(SWEPT, this.#channels.size); left > 0; left--) {
      const next = (this.#unswept ??= this.#channels.values()).next()
      if (next.done === true) this.#unswept = undefined
      else this.#change(next.value, (log) => log.trim(nowMs))
    }
  }

  /** Forgets all. */
  clear(): void {
    for (const channel of this.#channels.values()) this.#giveUp(channel)
    this.#unborn.clear()
    this.#givenUp = 0
  }

  #hasRoom(fresh: number, publications: readonly Publication[], holder: Holder): boolean {
    this.#pin(publications)
    const hasRoom = this.#shares.canFit(holder, fresh * this.#unit)
    this.#unpin(publications)
    return hasRoom
  }

  /** What is about to be published to is not given up for it. */
  #pin(publications: readonly Publication[]): void {
    for (const { key } of publications) {
      const share = this.#channels.get(key)?.share
      if (share !== undefined) this.#shares.use(share)
    }
  }

  #unpin(publications: readonly Publication[]): void {
    for (const { key } of publications) {
      const channel = this.#channels.get(key)
      if (channel?.share !== undefined && !channel.isRead) this.#shares.rest(channel.share)
    }
  }

  /** A channel gets its place, for its first message. */
  #keep(channel: Channel, holder: Holder): void {
    this.#makeRoom(holder, this.#unit)
    this.#unborn.delete(channel.key)
    this.#channels.set(channel.key, channel)
    channel.share = this.#shares.add(channel, holder, this.#unit)
    this.#shares.use(channel.share)
  }

  /**
   * A message takes its room. Where none can be made, the channel keeps less. A channel belongs to who published to it
   * first, until somebody publishes to it who does not pay for the first.
   */
  #charge(channel: Channel, by: Holder): void {
    const share = channel.share ?? never()
    if (paysAfter(by, share.account.holder)) this.#shares.move(share, by)
    this.#size(channel)
    const { holder } = share.account
    this.#makeRoom(holder, 0)
    if (this.#shares.over(holder, 0) === undefined) return
    this.#change(channel, (log) => {
      while (log.size > 1 && log.bytes > this.#unit && this.#shares.over(holder, log.bytes - share.size) !== undefined) log.dropOldest()
    })
  }

  #makeRoom(holder: Holder, more: number): void {
    for (let left = GIVEN_UP_AT_ONCE; left > 0; left--) {
      const payer = this.#shares.payer(holder, more)
      if (payer === undefined) return
      this.#giveUp(payer.value)
    }
  }

  #giveUp(channel: Channel): void {
    this.#channels.delete(channel.key)
    if (channel.share !== undefined) this.#shares.remove(channel.share)
    channel.share = undefined
    this.#messages -= channel.log.size
    this.#bytes -= channel.log.bytes
    this.#givenUp++
    if (this.#nextEpoch !== undefined) this.#emptyEpoch = this.#nextEpoch
    this.#nextEpoch = undefined
  }

  /** Changes a log, and what is known of all. */
  #change(channel: Channel, change: (log: ChannelLog) => void): void {
    const { log } = channel
    const { size, bytes } = log
    change(log)
    this.#messages += log.size - size
    this.#bytes += log.bytes - bytes
    this.#size(channel)
  }

  #size(channel: Channel): void {
    if (channel.share !== undefined) this.#shares.resize(channel.share, Math.max(this.#unit, channel.log.bytes))
  }

  /** Before anything is changed: giving up a channel must not ask for an epoch. */
  #readyEpochs({ random }: EngineHost): void {
    this.#emptyEpoch ??= random.id()
    this.#nextEpoch ??= random.id()
  }
}

function make(host: EngineHost, key: string, epoch: Id): Channel | null {
  const limits = host.history(channelOfKey(key))
  return limits === null ? null : { key, log: new ChannelLog(epoch, limits), isRead: false, share: undefined }
}

function never(): never {
  throw new Error('a channel that was readied is not there')
}
