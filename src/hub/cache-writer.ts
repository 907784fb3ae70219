import type { Clock, Store } from '../core/ports.ts'
import type { ChannelCache } from './channel-cache.ts'

/** How long the stored cursor may lag behind the one in memory. */
const WRITE_DELAY_MS = 1_000

/**
 * Writes changed caches at once after a quiet second, and otherwise gathers the changes of a second in one transaction. A stored cursor never leads what it covers: both are in one change.
 * What could not be stored is told once, and stored whole with the next change of its channel.
 */
export function createCacheWriter(store: Store, clock: Clock, failed: (error: unknown) => void): (cache: ChannelCache) => void {
  const dirty = new Set<ChannelCache>()
  let isResting = false
  let isFailing = false

  const write = (): void => {
    const caches = [...dirty]
    const changes = caches.map((cache) => cache.takeChange()).filter((change) => change !== null)
    dirty.clear()
    isResting = changes.length > 0
    if (!isResting) return
    const saving = store.saveCache(changes).then(
      () => (isFailing = false),
      (error: unknown) => {
        for (const cache of caches) cache.takeBack()
        if (!isFailing) failed(error)
        isFailing = true
      },
    )
    // One call at a time: calls to a store that does not answer must not pile up.
    clock.setTimer(WRITE_DELAY_MS, () => void saving.then(write))
  }

  return (cache) => {
    dirty.add(cache)
    if (isResting) return
    isResting = true
    // The first change after a quiet time at once: a hub that dies soon leaves a place for the next one to go on from.
    clock.setTimer(0, write)
  }
}
