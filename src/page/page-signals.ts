import { watchLocks } from './browser-locks.ts'
import type { PageEvent } from './platform.ts'

/** Whether anybody can see the page. */
export function isVisible(): boolean {
  return document.visibilityState === 'visible'
}

/**
 * Tells what happens to this page until `signal` aborts. A page that is kept but will not run (`freeze`, or `pagehide`
 * into the back–forward cache) is `suspended`, and `resumed` once when it runs again, whichever of the browser's events
 * says so first. Where the browser tells the very last moment (`freeze`), the page is `frozen` then: until that the app
 * may still send, as many do when a page is hidden.
 */
export function watchPage(listener: (event: PageEvent) => void, signal: AbortSignal): void {
  let suspended = false
  const suspend = (): void => {
    if (!suspended) listener('suspended')
    suspended = true
  }
  const resume = (): void => {
    if (suspended) listener('resumed')
    suspended = false
  }
  addEventListener('online', () => listener('online'), { signal })
  addEventListener('offline', () => listener('offline'), { signal })
  addEventListener('pagehide', (event) => event.persisted && suspend(), { signal })
  addEventListener('pageshow', resume, { signal })
  const freeze = (): void => {
    suspend()
    listener('frozen')
  }
  document.addEventListener('freeze', freeze, { signal })
  document.addEventListener('resume', resume, { signal })
  watchLocks(() => listener('resumed'), signal)
  document.addEventListener('visibilitychange', () => listener(isVisible() ? 'visible' : 'hidden'), { signal })
}
