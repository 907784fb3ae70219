import type { Clock, Store } from '../core/ports.ts'
import type { ChannelCache } from './channel-cache.ts'

/** How long the stored cursor may lag behind the one in memory. */
const WRITE_DELAY_MS = 1_000

/**
 * Writes changed caches a little later, many changes in one transaction. A stored cursor never leads what it covers: both are in one change.
 * A change that could not be stored is told and not tried again: the next start recovers it from the server.
 */
export function createCacheWriter(store: Store, clock: Clock, failed: (error: unknown) => void): (cache: ChannelCache) => void {
  const dirty = new Set<ChannelCache>()
  let waiting = false

  const write = (): void => {
    waiting = false
    const changes = [...dirty].map((cache) => cache.takeChange()).filter((change) => change !== null)
    dirty.clear()
    if (changes.length > 0) store.saveCache(changes).catch(failed)
  }

  return (cache) => {
    dirty.add(cache)
    if (waiting) return
    waiting = true
    clock.setTimer(WRITE_DELAY_MS, write)
  }
}
