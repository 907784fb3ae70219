import type { Clock } from '../core/ports.ts'

/** How long after a drop the first look is taken, and between looks. In the task of the browser's event itself every opening fails. */
const LOOK_MS = 100
/** Looks after one drop. */
const LOOKS = 10

/** Looks whether a database is still there whose connection the browser dropped. */
export interface DropWatch {
  dropped(): void
  end(): void
}

/**
 * A site that is cleared drops the connection and says nothing else: whoever has nothing to write would never notice.
 * @param look uses the database; rejects when it could not
 */
export function createDropWatch(clock: Clock, look: () => Promise<unknown>): DropWatch {
  let stopTimer = (): void => {}
  let isOver = false

  const after = (looks: number): void => {
    stopTimer()
    if (isOver || looks === LOOKS) return
    stopTimer = clock.setTimer(LOOK_MS, () => void look().catch(() => after(looks + 1)))
  }

  return {
    dropped: () => after(0),
    end() {
      isOver = true
      stopTimer()
    },
  }
}
