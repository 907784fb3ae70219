import { isHeld } from '../bridge/liveness.ts'
import type { Platform } from './platform.ts'
import type { SignOfLife, TabLock } from './tab-lock.ts'

/**
 * What becomes of a tab whose lock its hub does not see, though the hub answers: one of both is in a lock table that nobody who comes from now on sees.
 * Only when neither that the page moves nor that another hub is started has helped do they live together by the port alone.
 */
export interface Parting {
  /** Nothing is left to try: the hub is to take the tab as it is. */
  isOver(): boolean
  /** A hub has taken the tab. */
  end(): void
  /** Takes the next step. Where to go then: to the same hub `again`, as the page has moved, or, as if it were `unanswered`, to a worker of another name, which starts in the newest table. */
  from(sign: SignOfLife): Promise<'again' | 'unanswered'>
}

/** Makes it for one tab. */
export function createParting(platform: Pick<Platform, 'renewLocks'>, tabLock: TabLock): Parting {
  let done: 'moved' | 'rose' | null = null

  return {
    isOver: () => done === 'rose',
    end: () => void (done = null),
    async from({ lock, locks }) {
      // Taken away by the browser, which has not told yet.
      if (!(await isHeld(locks, lock).catch(() => false))) {
        tabLock.release()
        return 'again'
      }
      const hasMoved = done === null && (await platform.renewLocks(lock))
      done = hasMoved ? 'moved' : 'rose'
      return hasMoved ? 'again' : 'unanswered'
    },
  }
}
