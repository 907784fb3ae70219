import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createFaultProxy, createSeededRandom, type FaultProxy } from 'holdfast/testing'
import { checkDownward } from './check/downward.ts'
import { checkUpward } from './check/upward.ts'
import { converge } from './converge.ts'
import { openDesk } from './desk.ts'
import { BROWSER_FAULTS } from './faults/browser.ts'
import type { Happened } from './faults/fault.ts'
import { LIVES } from './faults/lives.ts'
import { NETWORK_FAULTS } from './faults/network.ts'
import { SERVER_FAULTS } from './faults/server.ts'
import { STORAGE_FAULTS, type StoredProfile } from './faults/storage.ts'
import { readJournal } from './journal.ts'
import { createLane } from './lane.ts'
import { createProfile, type Profile, type ProfileApp } from './profile.ts'
import { publishedNames, type RunRecord, type StorageLoss, type Violation } from './record.ts'
import { startServer } from './server-process.ts'
import { formatResult, formatViolations } from './table.ts'
import { makeTraffic } from './traffic.ts'

/** Faults come for so long, then everybody must get well. */
const ROUND_MS = 20_000
/** A copy of a profile is given up when its outbox is not empty after this long. */
const COPY_DEADLINE_MS = 90_000

/** Runs the programs that were built into `folder`. Gives the exit code. */
export async function run(args: string[], folder: string): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' }, keep: { type: 'string' } },
  })
  const minutes = Number(values.minutes)
  const seed = Number(values.seed)
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes takes a number, --seed a whole number.')

  const startMs = Date.now()
  const random = createSeededRandom(seed)
  const place = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'))
  const journalPath = join(place, 'journal')
  const faults: Happened[] = []
  const losses: StorageLoss[] = []
  const violations: Violation[] = []
  const wellMs: number[] = []
  const broken = (text: string): void => void violations.push({ kind: 'broken', text, atMs: Date.now(), keys: [] })

  const desk = await openDesk(join(folder, 'site'), broken)
  const profiles: Profile[] = []
  const server = await startServer(
    join(folder, 'server.mjs'),
    journalPath,
    (port) => {
      for (const { proxy } of profiles) proxy.target = { host: '127.0.0.1', port }
    },
    (why) => broken(`the server ended by itself: ${why}`),
  )
  const app: ProfileApp = {
    // In one of the browsers some tabs cannot have a SharedWorker, and the others follow them.
    address(tab, user, live, build) {
      const shared = String(!tab.startsWith('b') || random.integer(1, 3) > 1)
      return `${desk.url}/?${new URLSearchParams({ tab, user, live, build: String(build), shared }).toString()}`
    },
    isConnected: (tab) => desk.pageOf(tab)?.facts.status === 'connected',
    rush: (tab) => desk.order(tab, { channel: 'board', count: 100 }),
    signOut(tab) {
      const user = desk.pageOf(tab)?.user
      if (user === undefined) return
      losses.push({ type: 'signed out', user, atMs: Date.now() })
      desk.order(tab, 'sign out')
    },
  }

  const openProxy = (): Promise<FaultProxy> =>
    createFaultProxy({ target: { host: '127.0.0.1', port: server.port }, seed: random.integer(1, 2 ** 31) })
  const openProfile = async (name: string, user: string, path: string, proxy: FaultProxy): Promise<Profile> => {
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
  const tabs = (): Profile['tabs'] => profiles.flatMap((profile) => profile.tabs)
  const resting = new Set<Profile>()
  const published = (): ReturnType<typeof publishedNames> => publishedNames(readJournal(journalPath))

  let copies = 0
  const stored = (profile: Profile): StoredProfile => ({
    profile,
    rolledBack: (asOfMs, untilMs) => losses.push({ type: 'rolled back', user: profile.user, asOfMs, untilMs }),
    copied: (atMs) => losses.push({ type: 'copied', user: profile.user, atMs }),
    cleared: (atMs) => losses.push({ type: 'cleared', user: profile.user, atMs }),
    async runCopy(path, ms) {
      // At the same address: at another one it would have another outbox.
      const copy = await openProfile(`${profile.name}-copy${++copies}-`, profile.user, path, profile.proxy)
      await sleep(ms)
      resting.add(copy)
      const isEmpty = (): boolean =>
        copy.tabs.every(({ name }) => {
          const facts = desk.pageOf(name)?.facts
          return facts?.status === 'connected' && facts.pending === 0 && facts.open === 0
        })
      const untilMs = Date.now() + COPY_DEADLINE_MS
      // What is on its way from the desk has been sent by then.
      await sleep(500)
      while (!isEmpty() && Date.now() < untilMs) await sleep(100)
      if (!isEmpty())
        violations.push({ kind: 'stuck', atMs: Date.now(), text: `the copy of profile ${profile.name} still has messages`, keys: [] })
      await closeProfile(copy)
      resting.delete(copy)
    },
  })

  try {
    const a = await openProfile('a', 'anna', join(place, 'a'), await openProxy())
    const b = await openProfile('b', 'ben', join(place, 'b'), await openProxy())
    const lanes = [
      createLane('network a', a.proxy, NETWORK_FAULTS, random.fork(1), faults),
      createLane('network b', b.proxy, NETWORK_FAULTS, random.fork(2), faults),
      createLane('server', server, SERVER_FAULTS, random.fork(3), faults),
      ...[a, b].map((profile, at) =>
        createLane(
          `browser ${profile.name}`,
          stored(profile),
          [
            ...[...BROWSER_FAULTS, ...LIVES].map(({ run: apply, ...fault }) => ({
              ...fault,
              run: ({ profile: of }: StoredProfile, by: typeof random) => apply(of, by),
            })),
            ...STORAGE_FAULTS,
          ],
          random.fork(4 + at),
          faults,
          () => profile.repair(),
        ),
      ),
    ]
    const endMs = startMs + minutes * 60_000
    for (let round = 1; Date.now() < endMs && !violations.some(({ kind }) => kind === 'stuck'); round++) {
      let isOver = false
      const traffic = makeTraffic(
        desk,
        server,
        () => profiles.filter((profile) => !resting.has(profile)).flatMap((profile) => profile.tabs),
        random.fork(100 + round),
        () => isOver,
      )
      const untilMs = Math.min(endMs, Date.now() + ROUND_MS)
      await Promise.all(lanes.map((lane) => lane.run(untilMs)))
      isOver = true
      await traffic
      // A tab may have crashed after the last fault had ended.
      for (const profile of profiles) await profile.repair()
      const healMs = Date.now()
      violations.push(...(await converge(desk, tabs, published)))
      wellMs.push(Date.now())
      console.log(`round ${round}: ${faults.length} faults so far, well again after ${((Date.now() - healMs) / 1_000).toFixed(1)} s`)
    }
  } finally {
    for (const profile of profiles.slice()) {
      await closeProfile(profile)
      await profile.proxy.close()
    }
    await server.stop()
    desk.close()
  }

  const record: RunRecord = { journal: readJournal(journalPath), pages: [...desk.pages.values()], faults, losses, wellMs }
  const up = checkUpward(record)
  const down = checkDownward(record)
  violations.push(...up.violations, ...down.violations)
  if (values.keep !== undefined) await writeFile(values.keep, JSON.stringify({ startMs, ...record }))
  await rm(place, { recursive: true, force: true, maxRetries: 5 })
  if (violations.length > 0) console.log(`\nseed ${seed}\n\n${formatViolations(violations, record, startMs)}\n`)
  console.log(`\n${formatResult(seed, minutes, record, up.counts, down.counts, violations)}`)
  return violations.length === 0 ? 0 : 1
}
