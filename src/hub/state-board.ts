import type { Clock } from '../core/ports.ts'
import type { ConnectionState } from '../core/public-state.ts'

/** What only counts may be told this much later: a burst of sends need not wake every tab for every message. */
const COUNT_DELAY_MS = 50

/**
 * Holds the state that tabs are shown and says when it is another: at once when the status changes, a little later when only a count does.
 * @param derive the state as it is now, `null` while nothing is known; asked with a pending count when only the rest of it matters, since counting takes time in a full outbox
 * @param changed told after {@link current} has changed
 */
export function createStateBoard(
  clock: Clock,
  derive: (pending?: number) => ConnectionState | null,
  changed: () => void,
): { current(): ConnectionState | null; update(): void } {
  let current = derive()
  let waiting: (() => void) | null = null

  const show = (): void => {
    waiting?.()
    waiting = null
    const before = current
    current = derive()
    if (JSON.stringify(before) !== JSON.stringify(current)) changed()
  }

  return {
    current: () => current,
    update() {
      if (!sameButCounts(derive(0), current)) show()
      else waiting ??= clock.setTimer(COUNT_DELAY_MS, show)
    },
  }
}

/** Compared field by field: this runs for every frame. */
function sameButCounts(a: ConnectionState | null, b: ConnectionState | null): boolean {
  if (a === null || b === null || a.status !== b.status) return a === b
  return (Object.keys(a) as (keyof ConnectionState)[]).every(
    (key) => key === 'pending' || (key as string) === 'recovered' || a[key] === b[key],
  )
}
