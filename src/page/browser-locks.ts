import { isHeld } from '../bridge/liveness.ts'

let frame: HTMLIFrameElement | null = null

/** The lock table this page looks in. */
export function currentLocks(): LockManager {
  // An app that empties its document takes the frame away, and with it the locks that were held there.
  return frame?.contentWindow?.navigator.locks ?? navigator.locks
}

/**
 * Moves to the lock table of pages that load now, when the lock `held` is not in it. Seen in Chromium 156: a page or worker keeps the table in which it first looked for
 * locks, also when the site's storage is cleared; whatever starts later has another one, and neither is told. An empty frame made now is one of those, under any policy,
 * and lends its locks to the page it is in for as long as it is there.
 */
export async function renewLocks(held: string): Promise<boolean> {
  const fresh = document.createElement('iframe')
  fresh.hidden = true
  document.documentElement.append(fresh)
  const locks = fresh.contentWindow?.navigator.locks
  const isAnother = locks !== undefined && !(await isHeld(locks, held).catch(() => true))
  // The one before stays: other connections of this page may hold locks there.
  if (isAnother) frame = fresh
  else fresh.remove()
  return isAnother
}
