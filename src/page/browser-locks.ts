import { isHeld } from '../bridge/liveness.ts'

let frame: HTMLIFrameElement | null = null
const watchers = new EventTarget()

/** The lock table this page looks in. */
export function currentLocks(): LockManager {
  // An app that empties its document takes the frame away, and with it the locks that were held there.
  return frame?.contentWindow?.navigator.locks ?? navigator.locks
}

/**
 * Moves to the lock table of pages that load now, when the lock `held` is not in it. Seen in Chromium 156: a page or
 * worker keeps the table in which it first looked for locks, also when the site's storage is cleared; whatever starts
 * later has another one, and neither is told. An empty frame made now is one of those, under any policy, and lends its
 * locks to the page it is in for as long as it is there.
 */
export async function renewLocks(held: string): Promise<boolean> {
  const fresh = document.createElement('iframe')
  fresh.hidden = true
  document.documentElement.append(fresh)
  const locks = fresh.contentWindow?.navigator.locks
  const isAnother = locks !== undefined && !(await isHeld(locks, held).catch(() => true))
  if (!isAnother) {
    fresh.remove()
    return false
  }
  // The one before stays: other connections of this page may hold locks there.
  frame = fresh
  // Also told when the page itself is left, with the frame in its place.
  fresh.contentWindow?.addEventListener('pagehide', () =>
    queueMicrotask(() => {
      if (!fresh.isConnected) watchers.dispatchEvent(new Event('gone'))
    }),
  )
  return true
}

/**
 * Tells, until `signal` aborts, that the app has taken a frame away in which this page may hold locks: no browser says
 * so to who holds them.
 */
export function watchLocks(gone: () => void, signal: AbortSignal): void {
  watchers.addEventListener('gone', gone, { signal })
}
