import { CLOCK_FAULTS } from './clocks.ts'
import { BROWSER_FAULTS } from './browser.ts'
import { ELECTED_FAULTS } from './elected.ts'
import type { Fault } from './fault.ts'
import { NETWORK_FAULTS } from './network.ts'
import { PEOPLE_FAULTS } from './people.ts'
import { RIGHTS_FAULTS } from './rights.ts'
import { SEND_ONLY_FAULTS } from './send-only.ts'
import { SERVER_FAULTS } from './server.ts'
import { SIGN_OUT_FAULTS } from './sign-out.ts'
import { NEEDS_BACKUPS, STORAGE_FAULTS } from './storage.ts'
import { TELLING_FAULTS } from './telling.ts'
import type { World } from '../world/world.ts'

/** Every kind of fault there is. */
export const FAULTS: readonly Fault[] = [
  ...CLOCK_FAULTS,
  ...NETWORK_FAULTS,
  ...SERVER_FAULTS,
  ...BROWSER_FAULTS,
  ...ELECTED_FAULTS,
  ...SEND_ONLY_FAULTS,
  ...STORAGE_FAULTS,
  ...PEOPLE_FAULTS,
  ...SIGN_OUT_FAULTS,
  ...RIGHTS_FAULTS,
  ...TELLING_FAULTS,
]

/** Faults of one simulation, and kinds among them at least. */
const COUNT = 20
const MIN_KINDS = 5

/**
 * Plans the faults of one simulation. Which ones there are is drawn beforehand; to whom they happen, when their time
 * has come.
 */
export function planFaults(world: World): void {
  const { random, schedule, settings } = world
  const kinds: Fault[] = []
  while (kinds.length < COUNT) {
    const fault = world.pick(FAULTS)
    if (fault && (kinds.length >= MIN_KINDS || !kinds.includes(fault))) kinds.push(fault)
  }
  world.keepsBackups = kinds.some(({ kind }) => NEEDS_BACKUPS.has(kind))
  for (const fault of kinds) schedule.at(world.afterBusyMs(random.next() * settings.busyMs), () => inject(world, fault, 30))
}

/** What cannot happen now happens a little later, or else something similar does. */
function inject(world: World, fault: Fault, tries: number): void {
  const profile = world.pick(world.profiles)
  if (!profile) return
  world.trace('fault', profile.name, fault.kind)
  if (fault.inject(world, profile)) {
    world.totals.count(`fault ${fault.kind}`)
    world.injected.add(fault.kind)
    world.faults++
  } else if (tries > 0) {
    const another =
      tries % 5 === 0 && !NEEDS_BACKUPS.has(fault.kind) ? world.pick(FAULTS.filter(({ kind }) => !NEEDS_BACKUPS.has(kind))) : fault
    world.schedule.at(200, () => inject(world, another ?? fault, tries - 1))
  }
}
