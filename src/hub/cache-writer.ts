import type { Clock, Store } from '../core/ports.ts'
import type { ChannelCache } from './channel-cache.ts'

/** How long the stored cursor may lag behind the one in memory. */
const WRITE_DELAY_MS = 1_000

/**
 * Writes changed caches at once after a quiet second, and otherwise gathers the changes of a second in one transaction. A stored cursor never leads what it covers: both are in one change.
 * A change that could not be stored is told and not tried again: the next start recovers it from the server.
 */
export function createCacheWriter(store: Store, clock: Clock, failed: (error: unknown) => void): (cache: ChannelCache) => void {
  const dirty = new Set<ChannelCache>()
  let isResting = false

  const write = (): void => {
    const changes = [...dirty].map((cache) => cache.takeChange()).filter((change) => change !== null)
    dirty.clear()
    isResting = changes.length > 0
    if (!isResting) return
    store.saveCache(changes).catch(failed)
    clock.setTimer(WRITE_DELAY_MS, write)
  }

  return (cache) => {
    dirty.add(cache)
    if (isResting) return
    isResting = true
    // The first change after a quiet time at once: a hub that dies soon leaves a place for the next one to go on from.
    clock.setTimer(0, write)
  }
}
