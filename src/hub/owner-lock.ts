import type { Locks } from '../bridge/liveness.ts'
import type { Clock } from '../core/ports.ts'

/** How long a hub that may take over waits for the one before it to let go. */
const PATIENCE_MS = 5_000

/** The owner lock, held until it is released or the worker ends. */
export interface OwnerLock {
  /** Resolves when another hub has taken the lock over. What this one still writes is refused by the store's lease. */
  readonly lost: Promise<void>
  /** Lets the next hub have it. */
  release(): void
}

/**
 * Waits for the owner lock.
 * @param mayTakeOver tabs have left the hub before this one because it did not answer: after {@link PATIENCE_MS} the lock is taken from it, once.
 * Without that a hub that hangs would keep socket and outbox from everybody for as long as its worker lives.
 */
export async function takeOwnerLock(locks: Locks, clock: Clock, name: string, mayTakeOver: boolean): Promise<OwnerLock> {
  if (!mayTakeOver) return request(locks, name, {})
  const patience = new AbortController()
  const stopTimer = clock.setTimer(PATIENCE_MS, () => patience.abort())
  try {
    return await request(locks, name, { signal: patience.signal })
  } catch (error) {
    if (!patience.signal.aborted) throw error
    return request(locks, name, { steal: true })
  } finally {
    stopTimer()
  }
}

function request(locks: Locks, name: string, options: LockOptions): Promise<OwnerLock> {
  return new Promise((resolve, reject) => {
    let lose = (): void => {}
    const lost = new Promise<void>((done) => (lose = done))
    locks
      .request(name, options, () => {
        return new Promise<void>((release) => resolve({ lost, release }))
      })
      .catch((error: unknown) => {
        lose()
        reject(error)
      })
  })
}
