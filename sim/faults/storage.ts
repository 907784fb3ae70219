import { comesLater, disksOf, openTab, restartBrowser, someTab, someTimeMs, type Fault } from './fault.ts'
import type { DiskTrouble } from '../world/disk.ts'
import type { Profile } from '../world/profile.ts'
import type { World } from '../world/world.ts'

function trouble(world: World, profile: Profile, what: DiskTrouble, mostMs: number): boolean {
  const disks = [...profile.disks.values()]
  for (const disk of disks) disk.trouble = what
  world.schedule.at(someTimeMs(world, mostMs), () => disks.forEach((disk) => disk.heal()))
  return disks.length > 0
}

/** Ends the browser and puts an older copy of its storage back. */
function goBack(world: World, profile: Profile, transactions: number): boolean {
  if (profile.liveTabs.length === 0) return false
  restartBrowser(world, profile)
  for (const [scope, disk] of disksOf(profile)) {
    world.check.upward.excuse(profile, scope, 'rolled back')
    disk.rollBack(transactions)
  }
  return true
}

/** What storage does. */
export const STORAGE_FAULTS: readonly Fault[] = [
  { kind: 'D1 D2 the quota is reached', inject: (world, profile) => trouble(world, profile, 'full', 20_000) },
  { kind: 'D3 transactions fail', inject: (world, profile) => trouble(world, profile, 'fails', 5_000) },
  { kind: 'D7 transactions are never answered', inject: (world, profile) => trouble(world, profile, 'hangs', 50_000) },
  {
    kind: 'D7 D8 the storage does not open',
    inject: (world, profile) => {
      restartBrowser(world, profile)
      return trouble(world, profile, 'will-not-open', 20_000)
    },
  },
  {
    kind: 'D5 everything stored is gone at the next start',
    inject: (world, profile) => {
      restartBrowser(world, profile)
      for (const [scope, disk] of disksOf(profile)) {
        world.check.upward.excuse(profile, scope, 'emptied')
        disk.clear()
      }
      return true
    },
  },
  {
    kind: 'D5 the site is cleared under open tabs',
    inject: (world, profile) => {
      for (const [scope, disk] of disksOf(profile)) {
        world.check.upward.excuse(profile, scope, 'emptied')
        disk.clear()
      }
      return true
    },
  },
  {
    kind: 'D5 the site is cleared, and who comes later sees other locks',
    inject: (world, profile) => {
      const tab = someTab(world, profile)
      if (!tab) return false
      const { random, schedule } = world
      if (random.next() < 0.3) tab.do(() => void tab.signOut(false))
      schedule.at(random.next() * 500, () => {
        for (const [scope] of disksOf(profile)) world.check.upward.excuse(profile, scope, 'emptied')
        profile.clearSite()
        for (let at = random.integer(1, 2); at > 0; at--) comesLater(world, random.next() * 5_000, () => openTab(world, profile))
        if (random.next() < 0.3) tab.do(() => tab.close())
      })
      return true
    },
  },
  { kind: 'D9 power loss: the last transactions vanish', inject: (world, profile) => goBack(world, profile, world.random.integer(1, 3)) },
  { kind: 'D9 an older copy is put back', inject: (world, profile) => goBack(world, profile, 8) },
]

/** The faults that need copies of what was stored before. */
export const NEEDS_BACKUPS: ReadonlySet<string> = new Set(
  STORAGE_FAULTS.filter(({ kind }) => kind.startsWith('D9')).map(({ kind }) => kind),
)
