import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFaultProxy, type FaultProxy, type SeededRandom } from 'holdfast/testing'
import { openDesk, type Desk } from './desk.ts'
import { somePageClockMs } from './faults/clocks.ts'
import type { StoredProfile } from './faults/storage.ts'
import { createProfile, type Profile, type ProfileApp, type Tab } from './profile.ts'
import type { StorageLoss, Violation } from './record.ts'
import { startServer, type ServerProcess } from './server-process.ts'

/** A copy of a profile is given up when its outbox is not empty after this long. */
const COPY_DEADLINE_MS = 90_000

/** Everybody who has a part in a run. */
export interface Stage {
  readonly desk: Desk
  readonly server: ServerProcess
  readonly profiles: readonly Profile[]
  /** What was done to storages so far. */
  readonly losses: readonly StorageLoss[]
  /** What was seen to be wrong so far. */
  readonly violations: Violation[]
  /** Tabs that may be asked to send. */
  readonly busyTabs: () => readonly Tab[]
  readonly tabs: () => readonly Tab[]
  /** A browser of a user, with a line to the server of its own, and one tab. */
  openProfile(name: string, user: string): Promise<StoredProfile>
  close(): Promise<void>
}

/** Opens desk and server of the programs in `folder`; what is written goes to `place`. */
export async function openStage(folder: string, place: string, users: readonly string[], random: SeededRandom): Promise<Stage> {
  const losses: StorageLoss[] = []
  const violations: Violation[] = []
  const profiles: Profile[] = []
  const resting = new Set<Profile>()
  const broken = (text: string): void => void violations.push({ kind: 'broken', text, atMs: Date.now(), keys: [] })
  const desk = await openDesk(join(folder, 'site'), broken)
  const server = await startServer(
    join(folder, 'server.mjs'),
    join(place, 'journal'),
    users,
    (port) => {
      for (const { proxy } of profiles) proxy.target = { host: '127.0.0.1', port }
    },
    (why) => broken(`the server ended by itself: ${why}`),
  )
  const app = createApp(desk, random, losses)

  const openAt = async (name: string, user: string, path: string, proxy: FaultProxy): Promise<Profile> => {
    const profile = createProfile(name, user, path, proxy, app)
    profiles.push(profile)
    await profile.start()
    await profile.openTab()
    return profile
  }
  const closeProfile = async (profile: Profile): Promise<void> => {
    profiles.splice(profiles.indexOf(profile), 1)
    await profile.close()
  }
  let copies = 0
  /** At the same address: at another one it would have another outbox. */
  const runCopy = async (profile: Profile, path: string, ms: number): Promise<void> => {
    const copy = await openAt(`${profile.name}-copy${++copies}-`, profile.user, path, profile.proxy)
    await sleep(ms)
    resting.add(copy)
    if (!(await isEmptied(desk, copy)))
      violations.push({ kind: 'stuck', atMs: Date.now(), text: `the copy of profile ${profile.name} still has messages`, keys: [] })
    await closeProfile(copy)
    resting.delete(copy)
  }

  return {
    desk,
    server,
    profiles,
    losses,
    violations,
    busyTabs: () => profiles.filter((profile) => !resting.has(profile)).flatMap((profile) => profile.tabs),
    tabs: () => profiles.flatMap((profile) => profile.tabs),
    async openProfile(name, user) {
      const proxy = await createFaultProxy({ target: { host: '127.0.0.1', port: server.port }, seed: random.integer(1, 2 ** 31) })
      const profile = await openAt(name, user, join(place, name), proxy)
      return {
        profile,
        rolledBack: (asOfMs, untilMs) => losses.push({ type: 'rolled back', user, asOfMs, untilMs }),
        copied: (atMs) => losses.push({ type: 'copied', user, atMs }),
        cleared: (atMs, hubLived) => losses.push({ type: 'cleared', user, atMs, hubLived }),
        runCopy: (path, ms) => runCopy(profile, path, ms),
      }
    },
    async close() {
      for (const profile of profiles.slice()) {
        await closeProfile(profile)
        await profile.proxy.close()
      }
      await server.stop()
      desk.close()
    },
  }
}

async function isEmptied(desk: Desk, copy: Profile): Promise<boolean> {
  const isEmpty = (): boolean =>
    copy.tabs.every(({ name }) => {
      const facts = desk.pageOf(name)?.facts
      return facts?.status === 'connected' && facts.pending === 0 && facts.open === 0
    })
  const untilMs = Date.now() + COPY_DEADLINE_MS
  // What is on its way from the desk has been sent by then, and what is to be told has been told.
  await sleep(1_500)
  while (!isEmpty() && Date.now() < untilMs) await sleep(100)
  return isEmpty()
}

function createApp(desk: Desk, random: SeededRandom, losses: StorageLoss[]): ProfileApp {
  const oneOf = (some: readonly string[]): string => some[random.integer(0, some.length - 1)] ?? ''
  return {
    address(tab, user, live, build, listens = false) {
      // In one of the browsers some tabs cannot have a SharedWorker, and the others follow them.
      const shared = String(!tab.startsWith('b') || random.integer(1, 3) > 1)
      const of = { tab, user, live, build: String(build), shared }
      // What a copy has to tell nobody will hear later.
      const hears = listens || tab.includes('-copy') ? 'now' : oneOf(['now', 'now', 'late', 'never'])
      const clock = random.integer(0, 3) === 0 ? somePageClockMs(random) : 0
      return `${desk.url}/?${new URLSearchParams({ ...of, listens: hears, clock: String(clock) }).toString()}`
    },
    isConnected: (tab) => desk.pageOf(tab)?.facts.status === 'connected',
    rush: (tab) => desk.order(tab, { channel: 'board', count: 100 }),
    signOut(tab, clears) {
      const user = desk.pageOf(tab)?.user
      if (user === undefined) return
      losses.push({ type: 'signed out', user, atMs: Date.now() })
      desk.order(tab, clears ? 'sign out and clear the site' : 'sign out')
    },
    setClock: (tab, clockMs) => desk.order(tab, { clockMs }),
  }
}
