import type { Fault } from './fault.ts'
import { LAYERS, type Layer } from '../world/wall-clocks.ts'
import { EPOCH_MS } from '../world/epoch.ts'
import type { Profile } from '../world/profile.ts'
import type { World } from '../world/world.ts'

const DAY_MS = 86_400_000
/** How far a clock jumps, at most: seconds to weeks, and to before 1970, where devices without a battery begin. */
const SIZES_MS = [1_000, 60_000, 3_600_000, 3_600_000, 2 * DAY_MS, 40 * DAY_MS]

/** Draws how far a clock jumps, and in which direction. */
function someJumpMs(world: World): number {
  if (world.random.next() < 0.08) return -EPOCH_MS - world.random.next() * DAY_MS
  return (world.random.next() < 0.5 ? -1 : 1) * world.random.next() * (world.pick(SIZES_MS) ?? 0)
}

function jump(world: World, profile: Profile, layers: readonly Layer[]): true {
  profile.clocks.jump(layers, someJumpMs(world))
  // Tries of an hour ago do not count, nor do those of an hour to come.
  if (layers.includes('hubs')) for (const { process } of profile.liveWorkers) world.check.tries.forget(process)
  return true
}

/** What clocks do, each layer's on its own. */
export const CLOCK_FAULTS: readonly Fault[] = [
  { kind: 'T1 the wall clock jumps', inject: (world, profile) => jump(world, profile, LAYERS) },
  { kind: 'T1 the clock of the pages jumps', inject: (world, profile) => jump(world, profile, ['pages']) },
  { kind: 'T1 the clock of the hubs jumps', inject: (world, profile) => jump(world, profile, ['hubs']) },
  {
    kind: 'T1 the clock of the service worker jumps',
    inject: (world, profile) => jump(world, profile, ['serviceWorker']),
  },
  {
    kind: 'T1 the clock of the server jumps',
    inject: (world) => {
      world.server.clockOffMs += someJumpMs(world)
      return true
    },
  },
]
