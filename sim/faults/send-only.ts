import { syncTag } from '../../sw/sync-tag.ts'
import { comesLater, disksOf, openTab, someTab, someTimeMs, type Fault } from './fault.ts'
import type { Profile } from '../world/profile.ts'
import type { Meddling } from '../world/worker-socket.ts'
import type { World } from '../world/world.ts'

/** How long an outbox is left alone with the service worker, at most. */
const ALONE_MS = 25_000
/** Browsers do not let a service worker stand still for longer. */
const STANDS_MS = 30_000

/** Messages are queued without a connection, and everybody leaves: the service worker is to send them. The hub is gone at once, or a little later. */
function leaveQueued(world: World, profile: Profile, meddling?: Meddling, meanwhile: () => void = () => {}): boolean {
  const { random, schedule } = world
  const tab = someTab(world, profile)
  if (!tab) return false
  profile.link.change({ opens: 'refused' })
  profile.link.cut(0, 0)
  if (meddling !== undefined) profile.link.meddlings.push(...Array.from({ length: random.integer(1, 2) }, () => meddling))
  tab.do(() => {
    for (let at = random.integer(1, 4); at > 0; at--) tab.send(world.pick(world.settings.channels) ?? '', 'plain')
  })
  schedule.at(20 + random.next() * 200, () => {
    for (const one of profile.liveTabs) one.do(() => one.process.isAlive && one.close())
    for (const one of profile.liveTabs) one.process.kill()
    if (random.next() < 0.6) for (const worker of profile.liveWorkers) worker.process.kill()
    profile.link.heal()
    meanwhile()
    sync(world, profile, random.next() * 2_000)
    comesLater(world, 200 + random.next() * ALONE_MS, () => openTab(world, profile))
  })
  return true
}

/** A `sync` event comes for an outbox of the browser. */
export function sync(world: World, profile: Profile, afterMs: number): boolean {
  const [scope] = world.pick(disksOf(profile)) ?? []
  if (scope === undefined) return false
  world.schedule.at(afterMs, () => profile.serviceWorker.sync(syncTag(scope)))
  return true
}

/** Once a service worker is at work: something happens to it, a little later. */
function toWorker(world: World, profile: Profile, run: () => void): boolean {
  const { serviceWorker } = profile
  if (!serviceWorker.isBusy) return false
  world.schedule.at(world.random.next() * 200, run)
  return true
}

const meddle = (kind: string, meddling: Meddling): Fault => ({
  kind,
  inject: (world, profile) => leaveQueued(world, profile, meddling),
})

/** What the server gave another client is stored in the place of one's own. */
function mixUp(world: World, profile: Profile): void {
  const all = world.profiles.flatMap((one) => disksOf(one))
  for (const [scope, { contents }] of disksOf(profile)) {
    const [owner = '', disk] = world.pick(all.filter(([, one]) => one.contents !== contents)) ?? []
    const other = disk?.contents.stored
    if (!contents.stored || !other) continue
    // One session in two places: each looks like a copy of the other.
    for (const one of [scope, owner]) world.check.told.copied(one)
    contents.stored = { ...contents.stored, session: other.session, sendOnly: other.sendOnly }
    world.check.sendOnly.mixesUp(profile, scope)
  }
}

/** What happens between a service worker, its browser and the server. */
export const SEND_ONLY_FAULTS: readonly Fault[] = [
  { kind: 'B8 all leave, and the service worker sends', inject: (world, profile) => leaveQueued(world, profile) },
  {
    kind: 'B10 the service worker is stopped',
    inject: (world, profile) => toWorker(world, profile, () => profile.serviceWorker.process.kill()),
  },
  {
    kind: 'B10 the service worker stands still',
    inject: (world, profile) =>
      toWorker(world, profile, () => {
        const { process } = profile.serviceWorker
        process.pause()
        world.schedule.at(someTimeMs(world, STANDS_MS), () => process.resume())
      }),
  },
  {
    kind: 'B11 a sync event beside the hub, twice at once',
    inject: (world, profile) => sync(world, profile, 0) && sync(world, profile, world.random.next() < 0.5 ? 0 : world.random.next() * 100),
  },
  {
    kind: 'V1 an update of the service worker is accepted',
    inject: (world, profile) => toWorker(world, profile, () => profile.serviceWorker.update()),
  },
  {
    kind: 'W3 session and token of another client are stored',
    inject: (world, profile) => leaveQueued(world, profile, undefined, () => mixUp(world, profile)),
  },
  meddle('X1 a service worker has the token of another client', 'other-token'),
  meddle('X2 what a service worker says comes slowly', 'slow'),
  meddle('X4 what a service worker says arrives twice, or once more later', 'sent-twice'),
  meddle('X5 a portal answers the upgrade', 'portal'),
  meddle('X5 somebody else answers a service worker', 'stranger'),
]
