import type { ChannelDelivery, HubApi, Result, TabPosition } from '../bridge/contract.ts'
import { createChannelFeed, type ChannelFeed, type ChannelHandlers } from './channel-feed.ts'
import { guarded } from './listeners.ts'

/** What this tab hears. */
export interface Subscriptions {
  add(channel: string, handlers: ChannelHandlers): () => void
  /** Every channel somebody here wants and where the tab is in it, as of now told to a new hub. */
  restate(): readonly TabPosition[]
  /** There is a hub that was told what `restate` gave: it is kept informed. */
  attached(): void
  detached(): void
  deliver(deliveries: readonly ChannelDelivery[]): void
  close(): void
}

/** Keeps the hub informed of which channels are wanted: at most two calls per microtask, none for what comes and goes within one. */
export function createSubscriptions(
  call: (run: (hub: HubApi) => Promise<Result<null>>) => Promise<Result<null>>,
  report: (error: unknown) => void,
): Subscriptions {
  const feeds = new Map<string, ChannelFeed>()
  /** The feeds the hub serves. */
  const told = new Map<string, ChannelFeed>()
  let isAttached = false
  let isDue = false

  function sync(): void {
    isDue = false
    const gone = prune().filter((channel) => told.delete(channel))
    if (!isAttached) return
    const fresh = [...feeds].filter(([channel, feed]) => told.get(channel) !== feed)
    if (gone.length > 0) void call((hub) => hub.unsubscribe(gone))
    if (fresh.length > 0) void call((hub) => hub.subscribe(fresh.map(tell)))
  }

  function syncSoon(): void {
    if (!isDue) queueMicrotask(sync)
    isDue = true
  }

  /** Forgets the channels nobody listens to. */
  function prune(): string[] {
    const unwanted = [...feeds].filter(([, feed]) => feed.count() === 0).map(([channel]) => channel)
    for (const channel of unwanted) feeds.delete(channel)
    return unwanted
  }

  function tell([channel, feed]: readonly [string, ChannelFeed]): TabPosition {
    told.set(channel, feed)
    return { channel, position: feed.position() }
  }

  function open(channel: string): ChannelFeed {
    const feed = createChannelFeed(report, () => {
      told.delete(channel)
      syncSoon()
    })
    feeds.set(channel, feed)
    syncSoon()
    return feed
  }

  return {
    add(channel, handlers) {
      const feed = feeds.get(channel) ?? open(channel)
      const remove = feed.add(handlers)
      return () => {
        remove()
        syncSoon()
      }
    },
    restate() {
      prune()
      told.clear()
      return [...feeds].map(tell)
    },
    attached() {
      isAttached = true
      sync()
    },
    detached() {
      isAttached = false
    },
    deliver(deliveries) {
      for (const delivery of deliveries) {
        const { channel, refused } = delivery
        const feed = feeds.get(channel)
        // Whoever subscribes after a refusal, even while being told of it, asks anew.
        if (refused) {
          feeds.delete(channel)
          told.delete(channel)
        }
        guarded(report, () => feed?.deliver(delivery))
      }
    },
    close() {
      feeds.clear()
      told.clear()
      isAttached = false
    },
  }
}
