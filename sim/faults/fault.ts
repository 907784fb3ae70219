import type { Disk } from '../world/disk.ts'
import type { Profile } from '../world/profile.ts'
import type { SimTab } from '../world/sim-tab.ts'
import type { SimWorker } from '../world/sim-worker.ts'
import type { World } from '../world/world.ts'

/** Something that goes wrong. */
export interface Fault {
  /** Row of the table of faults it stands for, and a few words. */
  readonly kind: string
  /** Makes it happen to the browser, or to the server; `false` when there is nothing now that it could happen to. It ends by itself, or at the great healing. */
  inject(world: World, profile: Profile): boolean
}

/** A time in which something stays broken: mostly short, sometimes long. */
export function someTimeMs({ random }: World, mostMs: number): number {
  return random.next() ** 3 * mostMs
}

/** Opens a page and has it listen, as the app does at its start. */
export function openTab(world: World, profile: Profile): SimTab {
  const tab = profile.openTab()
  tab.do(() => {
    for (const channel of ['list', '@user', ...world.settings.channels])
      if (channel === 'list' || world.random.next() < 0.7) tab.subscribe(channel)
  })
  return tab
}

/** Somebody comes later, or comes back. It is not quiet before. */
export function comesLater(world: World, afterMs: number, come: () => void): void {
  world.toCome++
  world.schedule.at(afterMs, () => {
    world.toCome--
    come()
  })
}

/** A worker of the browser that does the work: the one that its tabs use. */
export function someWorker(world: World, profile: Profile): SimWorker | undefined {
  return world.pick(profile.liveWorkers.filter((worker) => worker.hasTabs() && !worker.isWedged))
}

/** A page of the browser that runs. */
export function someTab(world: World, profile: Profile): SimTab | undefined {
  return world.pick(profile.liveTabs.filter(({ isSuspended }) => !isSuspended))
}

/** Ends the browser, and starts it again with a page or two. */
export function restartBrowser(world: World, profile: Profile, meanwhile: () => void = () => {}): void {
  profile.kill()
  comesLater(world, someTimeMs(world, 8_000) + 1, () => {
    meanwhile()
    for (let at = world.random.integer(1, 2); at > 0; at--) openTab(world, profile)
  })
}

/** Everything a browser has stored, with the scope it belongs to. */
export function disksOf(profile: Profile): [scope: string, disk: Disk][] {
  return [...profile.disks]
}
