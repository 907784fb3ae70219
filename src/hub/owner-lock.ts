import type { Locks } from '../bridge/liveness.ts'
import type { Clock } from '../core/ports.ts'

/** How long a hub that may take over waits for the one before it to let go. */
const PATIENCE_MS = 5_000
/** The same where hubs run in tabs: tabs come to another one only after one was asked and did not answer. */
const ELECTED_PATIENCE_MS = 3_000

/** How long the hub of that epoch waits before it takes the owner lock over; `null` for ever, as long as nothing says that another one hangs. */
export function takeOverAfterMs(isShared: boolean, epoch: number): number | null {
  // Where one tab cannot have a SharedWorker, those that can must follow it: whatever lived before the hub in a tab, it is the one for all.
  if (!isShared) return ELECTED_PATIENCE_MS
  return epoch > 0 ? PATIENCE_MS : null
}

/** The owner lock, held until it is released or the worker ends. */
export interface OwnerLock {
  /** It was taken from a hub that did not let go. */
  readonly wasTaken: boolean
  /** Resolves when another hub has taken the lock over. What this one still writes is refused by the store's lease. */
  readonly lost: Promise<void>
  /** Lets the next hub have it. */
  release(): void
}

/**
 * Waits for the owner lock; rejects when `signal` aborts before it is had.
 * @param patienceMs see {@link takeOverAfterMs}: after it the lock is taken from whoever has it, once.
 * Without that a hub that hangs would keep socket and outbox from everybody for as long as its worker lives.
 */
export async function takeOwnerLock(
  locks: Locks,
  clock: Clock,
  name: string,
  patienceMs: number | null,
  signal: AbortSignal,
): Promise<OwnerLock> {
  if (patienceMs === null) return request(locks, name, { signal })
  const patience = new AbortController()
  const giveUp = (): void => patience.abort()
  const stopTimer = clock.setTimer(patienceMs, giveUp)
  signal.addEventListener('abort', giveUp)
  try {
    return await request(locks, name, { signal: patience.signal })
  } catch (error) {
    if (!patience.signal.aborted || signal.aborted) throw error
    return request(locks, name, { steal: true })
  } finally {
    stopTimer()
    signal.removeEventListener('abort', giveUp)
  }
}

function request(locks: Locks, name: string, options: LockOptions): Promise<OwnerLock> {
  return new Promise((resolve, reject) => {
    let lose = (): void => {}
    const lost = new Promise<void>((done) => (lose = done))
    locks
      .request(name, options, () => {
        return new Promise<void>((release) => resolve({ wasTaken: options.steal === true, lost, release }))
      })
      .catch((error: unknown) => {
        lose()
        reject(error)
      })
  })
}
