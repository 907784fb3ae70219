import { whenFree } from '../bridge/liveness.ts'
import type { HubPlatform } from './platform.ts'

/** How long a tab whose lock cannot be seen may say nothing. It asks every two seconds, where the browser lets a hidden page do so once a minute. */
const UNHEARD_MS = 150_000

/** What tells whether a tab lives. */
export interface TabWatch {
  /** The tab has called. */
  heard(): void
}

/**
 * Watches a tab until `signal` aborts: by its lock, or, where that cannot be seen, by what the tab says.
 * @param lock name of the tab's lock; `null` where it cannot be seen
 */
export function watchTab(
  { locks, clock }: Pick<HubPlatform, 'locks' | 'clock'>,
  lock: string | null,
  signal: AbortSignal,
  { dead, unheard }: { readonly dead: () => void; readonly unheard: () => void },
): TabWatch {
  if (lock !== null) {
    void whenFree(locks, lock, signal).then(dead)
    return { heard() {} }
  }
  let stopTimer = (): void => {}
  const heard = (): void => {
    stopTimer()
    if (!signal.aborted) stopTimer = clock.setTimer(UNHEARD_MS, unheard)
  }
  signal.addEventListener('abort', () => stopTimer())
  heard()
  return { heard }
}
