import { comesLater, openTab, someTimeMs, type Fault } from './fault.ts'

/** Pong timeout, and some more. */
const AWAKE_MS = 6_000

/** What clocks and people do. */
export const PEOPLE_FAULTS: readonly Fault[] = [
  {
    kind: 'T2 the machine sleeps',
    inject: (world, profile) => {
      const all = [...profile.liveTabs, ...profile.liveWorkers, profile.serviceWorker].map(({ process }) => process)
      const sleepers = all.filter((process) => process.isAlive && !process.isPaused)
      const sinceMs = world.schedule.nowMs
      for (const process of sleepers) process.pause()
      profile.link.change({ holdsUp: true, holdsDown: true })
      world.schedule.at(someTimeMs(world, 90_000), () => {
        const isCut = world.random.next() < 0.7
        if (isCut) profile.link.cut(world.random.next() < 0.5 ? 0 : null, null)
        profile.link.heal()
        const sleptOn = sleepers.every((process) => process.isPaused || !process.isAlive)
        for (const process of sleepers) process.resume()
        // A peer that died meanwhile is asked at once.
        if (isCut && sleptOn && world.schedule.nowMs - sinceMs > 60_000)
          world.check.mustNotice(profile.link, AWAKE_MS, (hub) => sleepers.includes(hub))
      })
      return sleepers.length > 0
    },
  },
  {
    kind: 'V3 another person signs in',
    inject: (world, profile) => {
      for (const tab of profile.liveTabs) tab.process.kill()
      profile.user = profile.user === 'ann' ? 'bob' : 'ann'
      comesLater(world, someTimeMs(world, 8_000) + 1, () => openTab(world, profile))
      return true
    },
  },
  {
    kind: 'V4 the credential has expired',
    inject: (world, profile) => {
      const { user } = profile
      world.people.expired.add(user)
      profile.link.cut(0, 0)
      world.schedule.at(someTimeMs(world, 20_000), () => {
        world.people.expired.delete(user)
        for (const tab of world.liveTabs) if (tab.user === user) tab.do(() => tab.retryNow())
      })
      return true
    },
  },
  {
    kind: 'V4 the user is shut out',
    inject: (world, profile) => {
      const { user } = profile
      world.people.revoked.add(user)
      profile.link.cut(0, 0)
      world.schedule.at(someTimeMs(world, 20_000), () => {
        world.people.revoked.delete(user)
        for (const tab of world.liveTabs) if (tab.user === user) tab.do(() => tab.retryNow())
      })
      return true
    },
  },
  {
    kind: 'V5 a channel is taken from a user',
    inject: (world, profile) => {
      const giveBack = world.people.ban(profile.user, world.pick(world.settings.channels) ?? '')
      profile.link.cut(0, 0)
      world.schedule.at(someTimeMs(world, 20_000), giveBack)
      return true
    },
  },
]
