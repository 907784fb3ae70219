import type { Locks } from '../bridge/liveness.ts'
import type { Clock } from '../core/ports.ts'

/** How long a hub that may take over waits for the one before it to let go. */
const PATIENCE_MS = 5_000
/** The same where hubs run in tabs: tabs come to another one only after one was asked and did not answer. */
const ELECTED_PATIENCE_MS = 3_000

/** How long a hub waits before it takes the owner lock over; `null` for ever, as long as nothing says that another one hangs. */
export function takeOverAfterMs({ shared, generation }: { readonly shared: boolean; readonly generation: number }): number | null {
  // Where one tab cannot have a SharedWorker, those that can must follow it: whatever generation the hub in a tab is of, it is the one for all.
  if (!shared) return ELECTED_PATIENCE_MS
  return generation > 0 ? PATIENCE_MS : null
}

/** The owner lock, held until it is released or the worker ends. */
export interface OwnerLock {
  /** Resolves when another hub has taken the lock over. What this one still writes is refused by the store's lease. */
  readonly lost: Promise<void>
  /** Lets the next hub have it. */
  release(): void
}

/**
 * Waits for the owner lock.
 * @param patienceMs see {@link takeOverAfterMs}: after it the lock is taken from whoever has it, once.
 * Without that a hub that hangs would keep socket and outbox from everybody for as long as its worker lives.
 */
export async function takeOwnerLock(locks: Locks, clock: Clock, name: string, patienceMs: number | null): Promise<OwnerLock> {
  if (patienceMs === null) return request(locks, name, {})
  const patience = new AbortController()
  const stopTimer = clock.setTimer(patienceMs, () => patience.abort())
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
