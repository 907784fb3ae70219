import { holdLock, type HeldLock, type Locks } from '../bridge/liveness.ts'
import { tabLockName } from '../bridge/lock-names.ts'
import type { Id } from '../protocol/messages.ts'
import type { Platform } from './platform.ts'

/** A tab's sign of life, as it was when it was asked for. */
export interface SignOfLife {
  /** Names the tab, for as long as it holds the same lock. */
  readonly tab: Id
  readonly lock: string
  /** The lock table it is held in. */
  readonly locks: Locks
  /** `false` once the browser took the lock away, or the page released it. */
  isHeld(): boolean
}

/** Holds the lock by which hubs know that this tab lives. */
export interface TabLock {
  /** Takes it where the page now looks for locks, unless it is held there. To a hub a tab without its lock is dead, and may have been told so: it comes under a new name. */
  hold(scope: string): Promise<SignOfLife>
  release(): void
}

/**
 * Makes it for one tab.
 * @param taken told when the browser took the lock away
 */
export function createTabLock(platform: Pick<Platform, 'locks' | 'newId'>, taken: () => void): TabLock {
  let held: SignOfLife | null = null
  let lock: HeldLock | undefined

  const release = (): void => {
    lock?.release()
    held = null
  }

  return {
    async hold(scope) {
      const { locks } = platform
      if (held?.isHeld() && held.locks === locks) return held
      release()
      const tab = platform.newId()
      const taking = await holdLock(locks, tabLockName(scope, tab), taken)
      lock = taking
      const mine: SignOfLife = { tab, lock: taking.name, locks, isHeld: () => held === mine && taking.isHeld() }
      return (held = mine)
    },
    release,
  }
}
