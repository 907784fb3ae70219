import { ownerLockName } from '../../src/bridge/lock-names.ts'
import type { Profile } from '../world/profile.ts'
import type { SharedSimWorker } from '../world/shared-sim-worker.ts'
import type { World } from '../world/world.ts'

/** A hub has noticed by then that its last tab is gone. */
const NOTICED_MS = 500
/** It looks every two seconds whether a tab has come or its socket has ended; what it stores then takes a moment. */
const GIVEN_BACK_MS = 4_500
/** A sign-out that was asked for may take so long. */
const LEAVING_MS = 60_000

/**
 * The last tab of a hub is gone from now on: unless one comes, or a socket is open, others must soon have the owner
 * lock (HU26).
 */
export function mustGiveBack(world: World, profile: Profile, worker: SharedSimWorker): void {
  const { schedule, check, totals } = world
  const { process, visits } = worker
  const { stops } = process
  const disk = profile.disk(worker.scope)
  const { contents } = disk
  const hasSocket = (): boolean => [...profile.link.wires].some((wire) => wire.hub === process && !wire.hasClientEnded)
  const isTabless = (): boolean =>
    worker.process === process && process.isAlive && !process.isPaused && process.stops === stops && worker.visits === visits
  // What is opened or saved is waited for, and so is who leaves; what is in memory only is kept.
  const isExcused = (): boolean =>
    worker.isForgetful ||
    disk.trouble !== null ||
    disk.contents !== contents ||
    profile.lockTables.length > 1 ||
    schedule.nowMs - profile.askedToLeaveMs < LEAVING_MS
  const look = (lookMs: number, run: () => void): void => {
    schedule.at(lookMs, () => {
      if (isTabless() && !hasSocket() && !isExcused()) run()
    })
  }
  look(NOTICED_MS, () =>
    look(GIVEN_BACK_MS, () => {
      totals.count('hubs without tab and socket')
      const isKept = worker.lockTable.isHeldBy(process, ownerLockName(worker.scope), false)
      check.holds(!isKept, 'HU26', () => `${process.name} keeps the owner lock without a tab and a socket`)
    }),
  )
}
