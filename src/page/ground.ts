import type { LocalHub, LocalHubs } from '../bridge/local-hubs.ts'
import type { HubWorker, Platform } from './platform.ts'

/**
 * Where a tab looks for locks and hubs: in the browser; or, where that refuses it locks and storage, in the page alone,
 * with a hub that keeps everything in memory and serves nobody else.
 */
export interface Ground extends Pick<Platform, 'locks' | 'newId' | 'renewLocks'> {
  /**
   * Whether the browser has refused its locks for good: from then on this tab is on its own. Rejects when the hub for
   * that does not load.
   */
  isLost(error: unknown): Promise<boolean>
  /** Starts or joins this page's own hub; `null` where hubs are the browser's. */
  start(name: string): HubWorker | null
  /** Ends this page's own hub. */
  end(): void
}

/** Makes it for one connection. */
export function createGround(platform: Pick<Platform, 'locks' | 'newId' | 'renewLocks' | 'loadLocalHubs'>): Ground {
  let alone: LocalHubs | null = null
  let hub: LocalHub | null = null
  let running = ''

  return {
    get locks() {
      return alone?.locks ?? platform.locks
    },
    newId: platform.newId,
    renewLocks: async (held) => !alone && platform.renewLocks(held),
    async isLost(error) {
      if (alone || (platform.locks && (error as Error).name !== 'SecurityError')) return false
      alone = await platform.loadLocalHubs()
      return true
    },
    start(name) {
      if (!alone) return null
      if (name !== running) hub?.end()
      if (name !== running || !hub) hub = alone.start(name)
      running = name
      const { port1, port2 } = new MessageChannel()
      hub.connect(port2)
      return { port: port1, addEventListener: () => {} }
    },
    end() {
      hub?.end()
      hub = null
    },
  }
}
