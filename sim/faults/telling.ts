import { comesLater, openTab, someTab, type Fault } from './fault.ts'
import type { Profile } from '../world/profile.ts'
import type { World } from '../world/world.ts'

/** How long it takes from a restart to its telling, at most: hidden pages are told late. */
const TOLD_MS = 1_500
/** How long a server is away. */
const AWAY_MS = 3_000

/** Whoever was about to tell the app, or to hear it, is gone. */
function someoneDies(world: World, profile: Profile): void {
  const { random } = world
  const how = random.next()
  if (how < 0.6) for (const worker of profile.liveWorkers) worker.process.kill()
  if (how < 0.3) return
  if (how < 0.5) profile.kill()
  for (const tab of profile.liveTabs) tab.do(() => tab.close())
  comesLater(world, random.next() * 6_000, () => openTab(world, profile))
}

/** Messages are applied and not acknowledged, and the server forgets; where the outbox restarts for it, somebody dies before all have heard of it. */
function dieBeforeTelling(world: World, profile: Profile): boolean {
  const { random, schedule, server, settings } = world
  const tab = someTab(world, profile)
  if (!tab || !server.isListening) return false
  const disk = tab.disk
  if (random.next() < 0.7) for (const one of profile.liveTabs) one.do(() => one.show(false))
  profile.link.change({ holdsDown: true })
  tab.do(() => {
    for (let at = random.integer(1, 4); at > 0; at--) tab.send(world.pick(settings.channels) ?? '', 'plain')
  })
  disk.onRestart = () => schedule.at(random.next() ** 2 * TOLD_MS, () => someoneDies(world, profile))
  schedule.at(60 + random.next() * 500, () => {
    profile.link.cut(0, 0)
    profile.link.heal()
    server.forgets = true
    if (server.isListening) server.kill()
    schedule.at(random.next() * AWAY_MS, () => {
      if (!server.isListening && !server.isRetiring) server.start()
    })
  })
  return true
}

/** What happens between a fact that is stored and its telling. */
export const TELLING_FAULTS: readonly Fault[] = [
  { kind: 'B18 somebody dies between an outbox restart and its telling', inject: dieBeforeTelling },
  {
    kind: 'B18 all pages are hidden',
    inject: (_world, profile) => {
      for (const tab of profile.liveTabs) tab.do(() => tab.show(false))
      return profile.liveTabs.length > 0
    },
  },
  {
    kind: 'R2 the engine has lost everything',
    inject: (world) => {
      const { server, schedule, random } = world
      if (!server.isListening) return false
      server.forgets = true
      server.kill()
      schedule.at(random.next() * AWAY_MS, () => {
        if (!server.isListening && !server.isRetiring) server.start()
      })
      return true
    },
  },
]
