import type { Locks } from '../src/bridge/liveness.ts'
import type { Clock } from '../src/core/ports.ts'

/** How long a hub may keep the owner lock before the flush leaves the outbox to it. */
const PATIENCE_MS = 40_000

/** The owner lock, held by a service worker for the time of a flush. */
export interface OwnerTurn {
  /** Another hub has taken the lock over: nothing may be sent any more. */
  isLost(): boolean
  /** Whether somebody waits for the lock: a hub of a tab that has just opened. */
  isWanted(): Promise<boolean>
  release(): void
}

/** Waits for the owner lock `name`; `null` when whoever holds it does not let go of it within 40 s, or when `leave` aborts before. */
export async function takeTurn(locks: Locks, clock: Clock, name: string, leave: AbortSignal): Promise<OwnerTurn | null> {
  if (leave.aborted) return null
  const patience = new AbortController()
  const giveUp = (): void => patience.abort()
  const stopTimer = clock.setTimer(PATIENCE_MS, giveUp)
  leave.addEventListener('abort', giveUp, { once: true })
  try {
    return await new Promise<OwnerTurn>((resolve, reject) => {
      let lost = false
      const hold = (): Promise<void> =>
        new Promise((release) => {
          resolve({
            isLost: () => lost,
            isWanted: async () => (await locks.query()).pending?.some((request) => request.name === name) ?? false,
            release,
          })
        })
      locks.request(name, { signal: patience.signal }, hold).catch((error: unknown) => {
        lost = true
        reject(error)
      })
    })
  } catch (error) {
    if (patience.signal.aborted) return null
    throw error
  } finally {
    stopTimer()
    leave.removeEventListener('abort', giveUp)
  }
}
