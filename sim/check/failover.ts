import type { Profile } from '../world/profile.ts'
import type { SimWorker } from '../world/sim-worker.ts'
import type { World } from '../world/world.ts'

/** A page that is seen asks every two seconds, and waits two; one that was just about to attach, or rests after a failure, waits up to ten each. */
const TURNED_MS = 26_000

/**
 * The hub of a tab has ended, or stands still without a word, from now on: the pages that use it must soon have turned to another one (EL4, EL7, I33). One
 * that stands still is noticed only by those that are seen.
 */
export function mustTurn(world: World, profile: Profile, worker: SimWorker): void {
  const { schedule, check, totals } = world
  const sinceMs = schedule.nowMs
  const { jumps } = profile.clocks
  for (const tab of profile.liveTabs) {
    const { process, joined } = tab
    const { stops } = process
    // One that no hub has answered yet will be by whichever is the next of that name, without turning to another.
    const usesIt = joined?.rung === 'elected' && joined.isAnswered && joined.name === worker.named.name && tab.scope === worker.scope
    if (!usesIt || process.isPaused) continue
    schedule.at(TURNED_MS, () => {
      const runs = process.isAlive && process.stops === stops && tab.connection.state.current.status !== 'closed'
      const isSeen = tab.isVisible && tab.shownMs <= sinceMs
      const isGone = !worker.process.isAlive || (worker.process.isPaused && isSeen)
      // A clock that jumps holds its timers to another time.
      if (!runs || !isGone || profile.clocks.jumps !== jumps) return
      totals.count('pages that had to turn to another hub in a tab')
      check.holds(
        tab.joinedMs > sinceMs,
        'I33',
        () => `${process.name} stays with ${worker.process.name}, which is gone for ${TURNED_MS} ms`,
      )
    })
  }
}
