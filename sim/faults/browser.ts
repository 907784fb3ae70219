import { createPorts } from '../world/port.ts'
import { comesLater, disksOf, openTab, restartBrowser, someTab, someTimeMs, someWorker, type Fault } from './fault.ts'
import { SharedSimWorker } from '../world/shared-sim-worker.ts'
import type { World } from '../world/world.ts'
import type { Profile } from '../world/profile.ts'
import type { SimTab } from '../world/sim-tab.ts'
import type { SimWorker } from '../world/sim-worker.ts'

/** Ends the worker at its next transaction. */
function trap(world: World, profile: Profile, where: 'before' | 'after'): boolean {
  const worker = someWorker(world, profile)
  if (!worker) return false
  profile.disk(worker.scope).trap = where
  return true
}

/** A page that stands still for a while, with or without having been told. */
function stop(world: World, profile: Profile, tells: boolean, takesLocks: boolean): boolean {
  const tab = someTab(world, profile)
  if (!tab) return false
  if (tells) tab.suspend()
  // What stops a page stops its worker, too; a page that computes has none of its own stopped.
  else tab.process.pause(world.random.next() < 0.5)
  if (takesLocks) tab.lockTable.takeFrom(tab.process)
  world.schedule.at(someTimeMs(world, 60_000), () => tab.goOn())
  return true
}

/** What is worth nothing later is sent on the way into the back–forward cache. */
function saysAndStops(world: World, profile: Profile): boolean {
  const tab = someTab(world, profile)
  if (!tab) return false
  tab.do(() => {
    for (let at = world.random.integer(1, 3); at > 0; at--) tab.sendVolatile()
    world.schedule.at(world.random.next() * 6, () => tab.suspend(true))
    world.schedule.at(20 + someTimeMs(world, 60_000), () => tab.goOn())
  })
  return true
}

/** A page sends as it is frozen, or goes into the back–forward cache, and comes back when everybody has forgotten: after absences, too. */
export function sendAndStop(world: World, profile: Profile): boolean {
  const { random, schedule, settings } = world
  const tab = someTab(world, profile)
  if (!tab) return false
  tab.do(() => {
    for (let at = random.integer(1, 3); at > 0; at--) tab.send(world.pick(settings.channels) ?? '', 'plain')
    schedule.at(random.next() * 12, () => {
      tab.suspend(true)
      const backMs = world.wasBusyMs + random.next() * Math.max(0, settings.busyMs - world.wasBusyMs)
      schedule.at(world.afterBusyMs(backMs), () => tab.goOn())
    })
  })
  return true
}

/** Any script of the origin can open a port to a SharedWorker, or a channel on which a hub and a page speak. */
function portTo(world: World, profile: Profile, worker: SimWorker, tab: SimTab): (data: unknown) => void {
  if (worker instanceof SharedSimWorker) {
    const [here, there] = createPorts(world.schedule, tab.process, worker.process, () => world.random.next() * 2)
    worker.join(tab, there)
    return (data) => here.postMessage(data)
  }
  const name = world.pick(profile.broadcasts.namesOf(worker.named.name)) ?? worker.named.name
  const channel = profile.broadcasts.of(tab.process)(name)
  return (data) => channel.postMessage(data)
}

/** What any script of the origin can post to the worker. */
const ODD: readonly unknown[] = [
  null,
  42,
  'hello',
  [],
  {},
  { id: '1', type: 'APPLY', path: ['__proto__', 'toString'], argumentList: [] },
  { id: '2', type: 'APPLY', path: ['send'], argumentList: [{ type: 'RAW', value: [{ id: 'x' }] }] },
  { id: '3', type: 'APPLY', path: ['attach'], argumentList: [{ type: 'RAW', value: { bridge: 99 } }] },
  { id: '4', type: 'SET', path: ['send'], value: { type: 'RAW', value: null } },
  { id: '5', type: 'CONSTRUCT', path: ['attach'], argumentList: [] },
  { id: '6', type: 'ENDPOINT', path: [] },
]

/** What browsers, pages and workers do. */
export const BROWSER_FAULTS: readonly Fault[] = [
  {
    kind: 'B1 the browser is killed',
    inject: (world, profile) => profile.liveTabs.length > 0 && (restartBrowser(world, profile), true),
  },
  {
    kind: 'B2 the renderer of the worker is killed',
    inject: (world, profile) => {
      const worker = someWorker(world, profile)
      if (!worker) return false
      worker.process.kill()
      if (worker.host.process.isAlive) worker.host.process.kill()
      if (profile.liveTabs.length < 2) openTab(world, profile)
      return true
    },
  },
  {
    kind: 'B3 the worker is gone, its tabs live',
    inject: (world, profile) => {
      const worker = someWorker(world, profile)
      worker?.process.kill()
      return worker !== undefined
    },
  },
  {
    kind: 'B3 the worker runs for ever',
    inject: (world, profile) => {
      const worker = someWorker(world, profile)
      if (!worker) return false
      worker.isWedged = true
      worker.process.pause()
      // Calls without an answer show it, and so does a look at the page.
      world.schedule.at(someTimeMs(world, 5_000), () => {
        for (const tab of profile.liveTabs) tab.tell('visible')
      })
      return true
    },
  },
  {
    kind: 'B4 another worker behind the same ports',
    inject: (world, profile) => {
      const worker = someWorker(world, profile)
      if (!(worker instanceof SharedSimWorker)) return false
      worker.restartInPlace()
      return true
    },
  },
  { kind: 'B5 killed before a transaction', inject: (world, profile) => trap(world, profile, 'before') },
  { kind: 'B5 killed after a transaction, before its answer', inject: (world, profile) => trap(world, profile, 'after') },
  { kind: 'B6 frozen', inject: (world, profile) => stop(world, profile, true, false) },
  { kind: 'B7 in the back-forward cache', inject: (world, profile) => stop(world, profile, true, true) },
  { kind: 'B7 frozen as it says something in passing', inject: saysAndStops },
  { kind: 'B7 frozen as it sends, and for long', inject: sendAndStop },
  {
    kind: 'B8 the last tab closes while it sends',
    inject: (world, profile) => {
      const [first, ...rest] = profile.liveTabs
      if (!first) return false
      for (const tab of rest) tab.process.kill()
      first.do(() => {
        for (let at = 0; at < 3; at++) first.send(world.pick(world.settings.channels) ?? '', 'plain')
      })
      world.schedule.at(world.random.next() * 30, () => (world.random.next() < 0.5 ? first.close() : first.process.kill()))
      comesLater(world, 50 + someTimeMs(world, 15_000), () => openTab(world, profile))
      return true
    },
  },
  {
    kind: 'B9 tabs open and close',
    inject: (world, profile) => {
      const tab = someTab(world, profile)
      if (tab && world.random.next() < 0.5) tab.do(() => (world.random.next() < 0.5 ? tab.close() : tab.process.kill()))
      if (profile.liveTabs.length < 4) openTab(world, profile)
      return true
    },
  },
  {
    kind: 'B13 the profile is copied, and both go on',
    inject: (world, profile) => {
      if (world.profiles.length > 3) return false
      const copy = world.addProfile(profile.user)
      for (const [scope, disk] of disksOf(profile)) {
        copy.disks.set(scope, disk.clone())
        world.check.upward.excuse(profile, scope, 'copied')
        world.check.sendOnly.copied(profile, copy, scope)
        world.check.told.copied(scope)
      }
      openTab(world, copy)
      return true
    },
  },
  {
    kind: 'B15 a page is opened twice at once',
    inject: (world, profile) => profile.liveTabs.length < 4 && (openTab(world, profile), openTab(world, profile), true),
  },
  {
    kind: 'W1 something odd is posted to the worker',
    inject: (world, profile) => {
      const [worker, tab] = [someWorker(world, profile), someTab(world, profile)]
      if (!worker || !tab) return false
      for (let at = world.random.integer(1, 40), post = portTo(world, profile, worker, tab); at > 0; at--) post(world.pick(ODD))
      return true
    },
  },
  { kind: 'B17 a page has no time', inject: (world, profile) => stop(world, profile, false, false) },
  {
    kind: 'B17 the worker has no time',
    inject: (world, profile) => {
      const worker = someWorker(world, profile)
      if (!worker) return false
      worker.process.pause()
      world.schedule.at(someTimeMs(world, 3_000), () => worker.process.resume())
      return true
    },
  },
  {
    kind: 'B16 the script of the worker does not load',
    inject: (world, profile) => {
      profile.isScriptBroken = true
      for (const worker of profile.liveWorkers) worker.process.kill()
      world.schedule.at(someTimeMs(world, 15_000), () => (profile.isScriptBroken = false))
      return true
    },
  },
]
