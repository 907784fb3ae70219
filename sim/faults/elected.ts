import { mustTurn } from '../check/failover.ts'
import { openTab, someTimeMs, type Fault } from './fault.ts'
import type { Profile } from '../world/profile.ts'
import type { SimWorker } from '../world/sim-worker.ts'
import type { World } from '../world/world.ts'

/** How slow broadcasts get, at most: slower than an answer is waited for. */
const SLOW_MS = 6_000
/** How long a page stands still: long enough for others to notice, or not. */
const STANDS_MS = 60_000

/** Something happens to a hub in a tab that others use, or soon will: in whatever browser there is one. */
function toElected(happens: (world: World, worker: SimWorker, profile: Profile) => void): Fault['inject'] {
  return (world) => {
    const workers = world.profiles.flatMap(({ liveWorkers }) => liveWorkers).filter(({ rung }) => rung === 'elected')
    const worker = world.pick(workers.filter(({ isWedged, process }) => !isWedged && !process.isPaused))
    if (!worker) return false
    const { profile } = worker.host
    if (profile.liveTabs.length < 2) openTab(world, profile)
    happens(world, worker, profile)
    return true
  }
}

/** What happens where the hub runs in one of the tabs. */
export const ELECTED_FAULTS: readonly Fault[] = [
  {
    kind: 'B16 the elected tab closes',
    inject: toElected((world, worker, profile) => {
      mustTurn(world, profile, worker)
      worker.host.do(() => worker.host.close())
    }),
  },
  {
    kind: 'B16 the elected tab crashes',
    inject: toElected((world, worker, profile) => {
      mustTurn(world, profile, worker)
      worker.host.process.kill()
    }),
  },
  {
    kind: 'B16 the worker of the elected tab is gone, its tab lives',
    inject: toElected((world, worker, profile) => {
      mustTurn(world, profile, worker)
      worker.process.kill()
    }),
  },
  {
    kind: 'B16 the elected tab stands still',
    inject: toElected((world, worker, profile) => {
      const { host } = worker
      if (world.random.next() < 0.4) host.suspend()
      else host.process.pause()
      mustTurn(world, profile, worker)
      world.schedule.at(world.random.next() * STANDS_MS, () => host.goOn())
    }),
  },
  {
    kind: 'B16 broadcasts are slow',
    inject: toElected((world, _worker, { broadcasts }) => {
      broadcasts.mostMs = world.random.next() ** 2 * SLOW_MS
      world.schedule.at(someTimeMs(world, 30_000), () => broadcasts.heal())
    }),
  },
]
