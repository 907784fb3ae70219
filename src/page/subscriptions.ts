import type { ChannelDelivery, TabPosition } from '../bridge/contract.ts'
import { createChannelFeed, type ChannelFeed, type ChannelHandlers } from './channel-feed.ts'
import { readOptions } from '../protocol/read-options.ts'
import type { HubLink } from './hub-link-api.ts'
import { guarded } from './listeners.ts'

/** What this tab hears. */
export interface Subscriptions {
  add(channel: string, handlers: ChannelHandlers): () => void
  /** Every channel somebody here wants and where the tab is in it, as of now told to a new hub. */
  restate(): readonly TabPosition[]
  /** Tells the hub, if there is one, what it does not know yet. */
  sync(): void
  deliver(deliveries: readonly ChannelDelivery[]): void
  close(): void
}

/** Every handler there is. */
const HANDLERS: Required<ChannelHandlers> = { snapshot() {}, message() {}, reset() {}, recovered() {}, refused() {} }

/**
 * Keeps the hub informed of which channels are wanted: at most two calls per microtask, none for what comes and goes
 * within one.
 */
export function createSubscriptions(link: HubLink, report: (error: unknown) => void): Subscriptions {
  const feeds = new Map<string, ChannelFeed>()
  /** The feeds the hub serves. */
  const told = new Map<string, { readonly feed: ChannelFeed; readonly round: number }>()
  let rounds = 0

  /** Forgets the channels nobody listens to, and gives those the hub is to be told of. */
  function fresh(): TabPosition[] {
    const positions: TabPosition[] = []
    for (const [channel, feed] of feeds) {
      if (!feed.count()) feeds.delete(channel)
      else if (told.get(channel)?.feed !== feed) {
        const round = ++rounds
        told.set(channel, { feed, round })
        positions.push({ channel, position: feed.position(), round })
      }
    }
    return positions
  }

  function sync(): void {
    if (!link.isAttached()) return
    const wanted = fresh()
    const gone = [...told.keys()].filter((channel) => !feeds.has(channel) && told.delete(channel))
    if (gone.length) void link.call('unsubscribe', gone)
    if (wanted.length) void link.call('subscribe', wanted)
  }

  return {
    add(channel, handlers) {
      readOptions(handlers, HANDLERS, 'handlers')
      let feed = feeds.get(channel)
      if (!feed) {
        feed = createChannelFeed(report, () => {
          told.delete(channel)
          queueMicrotask(sync)
        })
        feeds.set(channel, feed)
      }
      const remove = feed.add(handlers)
      queueMicrotask(sync)
      return () => {
        remove()
        queueMicrotask(sync)
      }
    },
    restate() {
      told.clear()
      return fresh()
    },
    sync,
    deliver(deliveries) {
      for (const delivery of deliveries) {
        const { channel, round, refused } = delivery
        // On its way for a subscription that was given up since.
        if (round !== undefined && round !== told.get(channel)?.round) continue
        const feed = feeds.get(channel)
        // Whoever subscribes after a refusal, even while being told of it, asks anew.
        if (refused) {
          feeds.delete(channel)
          told.delete(channel)
        }
        guarded(report, () => feed?.deliver(delivery))
      }
    },
    close: () => feeds.clear(),
  }
}
