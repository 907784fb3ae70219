import { openTab, someTimeMs, type Fault } from './fault.ts'
import type { EngineTrouble } from '../world/sim-engine.ts'
import type { Profile } from '../world/profile.ts'
import type { World } from '../world/world.ts'

function comeBack(world: World, mostMs: number): true {
  world.schedule.at(someTimeMs(world, mostMs) + 1, () => {
    if (!world.server.isListening && !world.server.isRetiring) world.server.start()
  })
  return true
}

/** Ends the server at its next commit. */
function trap(world: World, where: 'before-commit' | 'after-commit'): boolean {
  const { server } = world
  if (!server.isListening) return false
  server.engine.trap = where
  server.process.onEnd(() => comeBack(world, 5_000))
  return true
}

function trouble(world: World, what: EngineTrouble, mostMs: number): boolean {
  const { engine } = world.server
  if (!engine.isDurable && what !== 'at-a-step') return false
  engine.trouble = what
  world.schedule.at(someTimeMs(world, mostMs), () => (engine.trouble = null))
  return true
}

function appTrouble(world: World, changes: Partial<World['appTrouble']>, mostMs: number): true {
  Object.assign(world.appTrouble, changes)
  world.schedule.at(someTimeMs(world, mostMs), () => world.healApp())
  return true
}

/** A browser comes for the first time, sends, and is cut off before it is answered. When it comes back, its client record may be gone: strangers came, or its time was over. */
function giveUp(world: World, { user }: Profile): boolean {
  const { random, schedule, server, settings } = world
  if (world.profiles.length > 3) return false
  const profile = world.addProfile(user)
  const tab = openTab(world, profile)
  schedule.at(500 + random.next() * 2_000, () => {
    profile.link.change({ holdsDown: true })
    tab.do(() => {
      for (let at = random.integer(1, 3); at > 0; at--) tab.send(world.pick(settings.channels) ?? '', 'plain')
    })
    schedule.at(random.next() * 300, () => {
      profile.link.change({ opens: 'refused' })
      profile.link.cut(0, 0)
      // After a sweep or two: what is connected is not given up.
      schedule.at(8_000 + random.next() * 10_000, () => {
        if (server.isListening) server.engine.strangersCome(60)
        profile.link.heal()
      })
    })
  })
  return true
}

/** What a server, its app and its engine do. */
export const SERVER_FAULTS: readonly Fault[] = [
  {
    kind: 'S1 killed',
    inject: (world) => world.server.isListening && (world.server.kill(), comeBack(world, 10_000)),
  },
  { kind: 'S2 killed before a commit', inject: (world) => trap(world, 'before-commit') },
  { kind: 'S2 killed after a commit, before the ack', inject: (world) => trap(world, 'after-commit') },
  {
    kind: 'S3 stopped and continued',
    inject: (world) => {
      const { process } = world.server
      process.pause()
      world.schedule.at(someTimeMs(world, 70_000), () => process.resume())
      return true
    },
  },
  {
    kind: 'S4 its loop is blocked',
    inject: (world) => {
      const { process } = world.server
      process.pause()
      world.schedule.at(2_000, () => process.resume())
      return true
    },
  },
  {
    kind: 'S5 planned restart',
    inject: (world) => {
      if (!world.server.isListening) return false
      world.server.retire(world.random.integer(0, 5_000), () => comeBack(world, 3_000))
      return true
    },
  },
  { kind: 'S8 handlers throw', inject: (world) => appTrouble(world, { failsMessages: true }, 4_000) },
  { kind: 'S8 handlers are slow', inject: (world) => appTrouble(world, { slowMs: world.random.next() * 3_000 }, 5_000) },
  { kind: 'S8 values cannot be had', inject: (world) => appTrouble(world, { failsSnapshots: true }, 10_000) },
  {
    kind: 'S9 nobody reads at the other end',
    inject: (world, profile) => {
      profile.link.change({ holdsDown: true, bytesPerMs: 0.2 })
      world.schedule.at(someTimeMs(world, 45_000), () => profile.link.heal())
      return true
    },
  },
  {
    kind: 'S11 away for longer than a session lives',
    inject: (world, profile) => {
      profile.link.change({ opens: 'refused' })
      profile.link.cut(0, 0)
      world.schedule.at(Math.min(60_000, (world.settings.server.sessions?.ttlMs ?? 0) * 1.2), () => profile.link.heal())
      return true
    },
  },
  { kind: 'R6 the engine is slow', inject: (world) => trouble(world, 'slow', 20_000) },
  { kind: 'R6 the engine fails', inject: (world) => trouble(world, 'fails', 10_000) },
  { kind: 'S16 the engine fails at its steps', inject: (world) => trouble(world, 'at-a-step', 15_000) },
  {
    kind: 'S13 history throws, or is nonsense, for new channels',
    inject: (world) => appTrouble(world, { history: world.random.next() < 0.5 ? 'throws' : 'nonsense' }, 15_000),
  },
  {
    kind: 'S15 strangers come',
    inject: (world) => {
      if (!world.server.isListening) return false
      world.server.engine.strangersCome(60)
      return true
    },
  },
  {
    kind: 'S15 a client is given up before its first acknowledgement',
    inject: (world, profile) => giveUp(world, profile),
  },
  { kind: 'R7 answers of the engine are lost', inject: (world) => trouble(world, 'loses-answers', 5_000) },
]
