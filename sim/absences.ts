import { sendAndStop } from './faults/browser.ts'
import { comesLater, openTab, someTimeMs } from './faults/fault.ts'
import type { Process } from './world/process.ts'
import type { Profile } from './world/profile.ts'
import type { World } from './world/world.ts'

/** Shortly before everybody leaves, some send and do not come back for long. */
const LAST_MS = 3_000
/** How late somebody comes back, at most. */
const LATE_MS = 20_000

/** Plans the times in which nobody is there: nothing happens in them, so a month costs no more than a minute. */
export function planAbsences(world: World): void {
  const { schedule, settings } = world
  for (const { atMs, lastsMs } of settings.absences) {
    schedule.at(world.afterBusyMs(atMs), () => passNight(world, lastsMs))
    for (const profile of world.profiles) {
      const beforeMs = Math.max(0, atMs - world.random.next() * LAST_MS)
      if (world.random.next() < 0.6) schedule.at(world.afterBusyMs(beforeMs), () => sendAndStop(world, profile))
    }
  }
}

/** Everybody leaves, or stands still; time passes; they come back one by one. */
function passNight(world: World, lastsMs: number): void {
  const { schedule, totals } = world
  const backs = [leaveServer(world), ...world.profiles.map((profile) => leave(world, profile))]
  schedule.skip(lastsMs)
  world.absentMs += lastsMs
  world.trace('night', lastsMs)
  totals.count(`nights ${lastsMs < 3_600_000 ? 'of minutes' : lastsMs < 86_400_000 ? 'of hours' : 'of days'}`)
  // Sometimes the server is there long before the others, and has forgotten what it forgets.
  const restsMs = world.random.next() < 0.5 ? 0 : 130_000
  const [serverBack, ...others] = backs
  schedule.at(someTimeMs(world, LATE_MS) + 1, () => serverBack?.())
  for (const back of others) comesLater(world, restsMs + someTimeMs(world, LATE_MS) + 1, back)
}

/** @returns how it comes back */
function leaveServer(world: World): () => void {
  const { server } = world
  if (!server.isListening || world.random.next() < 0.6) return standStill(server.isListening ? [server.process] : [])
  server.kill()
  return () => {
    if (!server.isListening && !server.isRetiring) server.start()
  }
}

/** The machine sleeps, the pages are frozen, or the browser is closed. @returns how it comes back */
function leave(world: World, profile: Profile): () => void {
  const how = world.random.next()
  profile.link.cut(world.random.next() < 0.5 ? 0 : null, world.random.next() < 0.5 ? 0 : null)
  const frozen = how < 0.3 ? profile.liveTabs.filter(({ process, isSuspended }) => !isSuspended && !process.isPaused) : []
  if (how < 0.7) {
    for (const tab of frozen) tab.suspend()
    const goOn = standStill([...profile.liveTabs, ...profile.liveWorkers, profile.serviceWorker].map(({ process }) => process))
    return () => {
      goOn()
      for (const tab of frozen) tab.goOn()
    }
  }
  for (const tab of profile.liveTabs) if (how < 0.85) tab.close()
  profile.kill()
  return () => {
    for (let at = world.random.integer(1, 2); at > 0; at--) openTab(world, profile)
  }
}

/** @returns how they go on: those that stood still before do not */
function standStill(all: readonly Process[]): () => void {
  const sleepers = all.filter((process) => process.isAlive && !process.isPaused)
  for (const process of sleepers) process.pause()
  return () => {
    for (const process of sleepers) process.resume()
  }
}
