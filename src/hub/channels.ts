import type { ChannelDelivery, TabPosition } from '../bridge/contract.ts'
import type { Told } from '../core/events.ts'
import type { CachedChannel, Clock } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import { DEFAULT_HISTORY } from '../protocol/limits.ts'
import { ChannelCache } from './channel-cache.ts'
import type { TabChannel } from './tab-channel.ts'
import type { TabSession } from './tab-session.ts'

/** Channels without a tab whose cache is kept, the most recently left last. */
const MAX_IDLE_CHANNELS = 64

/**
 * JSON text of the messages in all caches, in UTF-16 units, shared out evenly; but a channel always has room for one
 * chunk of a server.
 */
const MAX_CACHE_UNITS = 64 * 2 ** 20
const MIN_CACHE_UNITS = 2 ** 18

/** The errors that tell a subscriber why there is nothing for it. */
const REFUSALS = {
  forbidden: 'forbidden',
  limit: 'limit',
  invalid: 'invalid-data',
  'too-large': 'message-too-large',
} as const

/** What a hub's channels need of the rest of the hub. */
export interface ChannelsHost {
  readonly clock: Clock
  readonly runtime: Runtime
  readonly tabs: ReadonlySet<TabSession>
  /** The cache of this channel is not what is stored any more. */
  changed(cache: ChannelCache): void
  dropped(channels: readonly string[]): void
}

/**
 * The union of what the tabs want, and one cache for each. Brings what the session machine tells into the caches, and
 * the caches to the tabs.
 */
export class Channels {
  readonly #host: ChannelsHost
  readonly #caches = new Map<string, ChannelCache>()
  /** Channels that the server has judged since this hub started. */
  readonly #decided = new Set<string>()
  /**
   * Offset of the value that was asked of the server, or came in answer and may still be ahead of the messages. Void
   * with the next verdict.
   */
  readonly #asked = new Map<string, number>()

  constructor(host: ChannelsHost, stored: readonly CachedChannel[]) {
    this.#host = host
    for (const channel of stored) this.#caches.set(channel.channel, new ChannelCache(channel.channel, channel, null))
  }

  /** A tab wants a channel, from a place or as a newcomer. Wanting it again restates the place. */
  subscribe(tab: TabSession, wanted: TabPosition): void {
    const tabChannel = tab.want(wanted)
    if (tabChannel) this.join(tab, tabChannel)
  }

  /** A tab's channel is served from here on, with whatever the tab is still owed. */
  join(tab: TabSession, tabChannel: TabChannel): void {
    const { channel, position } = tabChannel
    let cache = this.#caches.get(channel)
    if (!cache) this.#caches.set(channel, (cache = new ChannelCache(channel, null, position)))
    else if (position && !this.#decided.has(channel) && cache.lowerTo(position)) {
      // Tabs of a hub that died come one by one: the one that had got least says where to go on.
      this.#host.runtime.dispatch({ type: 'unsubscribe', channel })
    }
    this.#host.runtime.dispatch({ type: 'subscribe', channel, cursor: cache.cursor })
    tab.channelChanged(tabChannel)
  }

  /** A tab no longer wants a channel. The cache outlives the last tab for a while. */
  unsubscribe(tab: TabSession, channel: string): void {
    if (tab.channels.delete(channel)) this.leave([channel])
  }

  /** After tabs went: gives up what nobody wants any more. */
  leave(channels: Iterable<string>): void {
    for (const channel of channels) {
      if (this.#isWanted(channel)) continue
      this.#host.runtime.dispatch({ type: 'unsubscribe', channel })
      this.#decided.delete(channel)
      this.#asked.delete(channel)
      this.#leaveLast(channel)
    }
    const idle = [...this.#caches.keys()].filter((channel) => !this.#isWanted(channel))
    const evicted = idle.slice(0, Math.max(0, idle.length - MAX_IDLE_CHANNELS))
    for (const channel of evicted) this.#caches.delete(channel)
    if (evicted.length > 0) this.#host.dropped(evicted)
  }

  /** Something the session machine says about a channel. */
  take(told: Extract<Told, { channel: string }>): void {
    const cache = this.#caches.get(told.channel)
    if (!cache) return
    const { clock, runtime } = this.#host
    switch (told.type) {
      case 'messages': {
        const { phase } = runtime.state
        const { messages, bytes } = phase.name === 'live' ? phase.link.limits.history : DEFAULT_HISTORY
        const share = Math.max(MIN_CACHE_UNITS, MAX_CACHE_UNITS / this.#caches.size)
        cache.append(told.messages, told.cursor, { messages, bytes: Math.min(bytes, share) })
        break
      }
      case 'snapshot': {
        const snapshot = { cursor: told.cursor, json: JSON.stringify(told.value), atMs: clock.nowMs() }
        if (told.continues) cache.refresh(snapshot)
        else cache.restart(told.cursor, snapshot)
        const asked = this.#asked.get(told.channel) ?? 0
        this.#judged(told.channel)
        // A server that answers with less than was asked for is not asked for the same again.
        if (told.continues) this.#asked.set(told.channel, Math.max(told.cursor.offset, asked))
        break
      }
      case 'started':
        if (!told.continues) cache.restart(told.cursor, null)
        cache.hasNoValues(clock.nowMs())
        this.#judged(told.channel)
        break
      case 'recovering':
        // A new subscription: what was asked under the one before is not answered any more.
        this.#judged(told.channel)
        this.#each(told.channel, (channel) => channel.owesVerdict(told.upTo))
        break
      case 'reset': {
        const { reason, from, to } = told
        this.#each(told.channel, (channel) =>
          channel.lose({ reason, ...(from === undefined || to === undefined ? {} : { from, to }) }, cache),
        )
        break
      }
      case 'refused': {
        const error = { code: REFUSALS[told.reason], message: told.message }
        this.#each(told.channel, (channel) => channel.refuse(error))
        // What this user may not read any more must not greet the next tab.
        this.#caches.set(told.channel, new ChannelCache(told.channel, null, null))
        this.#host.dropped([told.channel])
        break
      }
      case 'no-value': {
        const { reason, message } = told
        if (reason === 'invalid' || reason === 'too-large') {
          const error = { code: REFUSALS[reason], message }
          // Whoever comes later asks again.
          this.#asked.delete(told.channel)
          this.#each(told.channel, (channel) => channel.position ?? channel.refuse(error))
        } else this.#each(told.channel, (channel) => channel.position ?? channel.waitsForValue(reason))
      }
    }
    if (told.type === 'messages' || told.type === 'snapshot' || told.type === 'started') this.#host.changed(cache)
    for (const tab of this.#host.tabs) {
      const channel = tab.channels.get(told.channel)
      if (channel) tab.channelChanged(channel)
    }
  }

  /** What is new for a tab in one of its channels. */
  serve(tab: TabSession, tabChannel: TabChannel): ChannelDelivery | null {
    const cache = this.#caches.get(tabChannel.channel)
    if (!cache) return null
    const { state } = this.#host.runtime
    const { channel } = tabChannel
    const live = state.phase.name === 'live' && state.channels.get(channel)?.stage === 'live'
    const served = tabChannel.serve(cache, { decided: this.#decided.has(channel), stale: !live })
    if (served.wantsSnapshotFrom !== undefined && live && (this.#asked.get(channel) ?? -1) < served.wantsSnapshotFrom) {
      this.#asked.set(channel, served.wantsSnapshotFrom)
      this.#host.runtime.dispatch({ type: 'want-snapshot', channel, from: served.wantsSnapshotFrom })
    }
    if (served.delivery?.refused) this.unsubscribe(tab, channel)
    return served.delivery
  }

  #leaveLast(channel: string): void {
    const cache = this.#caches.get(channel)
    if (!cache) return
    this.#caches.delete(channel)
    this.#caches.set(channel, cache)
  }

  #judged(channel: string): void {
    this.#decided.add(channel)
    this.#asked.delete(channel)
  }

  #isWanted(channel: string): boolean {
    for (const tab of this.#host.tabs) if (tab.channels.has(channel)) return true
    return false
  }

  #each(channel: string, act: (tabChannel: TabChannel) => void): void {
    for (const tab of this.#host.tabs) {
      const tabChannel = tab.channels.get(channel)
      if (tabChannel) act(tabChannel)
    }
  }
}
