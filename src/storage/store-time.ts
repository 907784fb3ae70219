import type { SteadyClock } from '../core/ports.ts'

/** How far the wall clock may go from the stored offset before that is stored anew with whatever is written next. */
const SLACK_MS = 1_000

/**
 * The time by which a store stamps what it takes, and by which that ages. While a hub lives it goes on as the hub's
 * steady clock does; from one hub to the next, as the wall clock does, from where the last one's writes left the two.
 */
export interface StoreTime {
  nowMs(): number
  /** What the wall clock shows more. It changes when somebody moves the wall clock, and when the machine sleeps. */
  offsetMs(): number
  /** Goes on from where it was when the wall clock showed so much more. */
  goOnFrom(offsetMs: number): void
  /** The offset, which is being stored. */
  storing(): number
  /** It may not have been stored. */
  notStored(): void
  /** Whether what is stored is too far from the offset as it is. */
  isStale(): boolean
}

/** The time of one store, as the worker with this clock sees it. */
export function createStoreTime(clock: SteadyClock): StoreTime {
  let aheadMs = 0
  let storedMs: number | null = null
  const nowMs = (): number => clock.steadyMs() + aheadMs
  const offsetMs = (): number => clock.nowMs() - nowMs()
  return {
    nowMs,
    offsetMs,
    goOnFrom(lastMs) {
      aheadMs = clock.nowMs() - lastMs - clock.steadyMs()
    },
    storing: () => (storedMs = offsetMs()),
    notStored: () => void (storedMs = null),
    isStale: () => storedMs === null || Math.abs(offsetMs() - storedMs) > SLACK_MS,
  }
}
