import { comesLater, openTab, someTab, someTimeMs, type Fault } from './fault.ts'
import type { Profile } from '../world/profile.ts'
import type { SimTab } from '../world/sim-tab.ts'
import type { World } from '../world/world.ts'

/** How long nobody comes, at most. */
const EMPTY_MS = 8_000

/** The user of a page leaves, and somebody comes after: the same user, or another one; sometimes while the first is still at it. */
function signOut(world: World, profile: Profile, tabs: readonly (SimTab | undefined)[], park: boolean): boolean {
  const { random, schedule } = world
  let isAwaited = false
  const comeBack = (): void => {
    if (isAwaited) return
    isAwaited = true
    comesLater(world, someTimeMs(world, EMPTY_MS), () => {
      if (random.next() < 0.5) profile.user = profile.user === 'ann' ? 'bob' : 'ann'
      openTab(world, profile)
    })
  }
  for (const tab of new Set(tabs)) {
    if (!tab) return false
    schedule.at(random.next() * 50, () => tab.do(() => void tab.signOut(park).then(comeBack)))
  }
  if (random.next() < 0.2) schedule.at(random.next() * 5_000, comeBack)
  return true
}

/** What people do when they leave. */
export const SIGN_OUT_FAULTS: readonly Fault[] = [
  { kind: 'V3 signs out', inject: (world, profile) => signOut(world, profile, [someTab(world, profile)], false) },
  {
    kind: 'V3 signs out, and keeps what was not sent',
    inject: (world, profile) => signOut(world, profile, [someTab(world, profile)], true),
  },
  {
    kind: 'V3 signs out with messages in the outbox and no network',
    inject: (world, profile) => {
      const tab = someTab(world, profile)
      if (!tab) return false
      profile.link.change({ opens: 'refused' })
      profile.link.cut(0, 0)
      if (world.random.next() < 0.5) tab.tell('offline')
      tab.do(() => {
        for (let at = world.random.integer(1, 4); at > 0; at--) tab.send(world.pick(world.settings.channels) ?? '', 'plain')
      })
      world.schedule.at(500 + world.random.next() * 20_000, () => {
        profile.link.heal()
        for (const one of profile.liveTabs) one.tell('online')
      })
      return signOut(world, profile, [tab], world.random.next() < 0.5)
    },
  },
  {
    kind: 'V3 signs out in two tabs at once',
    inject: (world, profile) =>
      profile.liveTabs.length > 1 && signOut(world, profile, [someTab(world, profile), someTab(world, profile)], world.random.next() < 0.5),
  },
]
