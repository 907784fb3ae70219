import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault as ProxyFault, SeededRandom } from 'holdfast/testing'
import type { Profile } from '../profile.ts'
import type { Fault } from './fault.ts'

/** The service workers of a browser. */
interface ServiceWorkers {
  /** Dispatches the events, as the browser does when it takes the network for back. */
  sync(tags: readonly string[]): Promise<void>
  stop(): Promise<void>
}

/** Drives them from a blank page: no tab of the app needs to be open. Gives how many events there were. */
async function withServiceWorkers(
  profile: Profile,
  random: SeededRandom,
  run: (workers: ServiceWorkers) => Promise<void>,
): Promise<string> {
  const blank = await profile.browser().newPage()
  const registered = new Map<string, string>()
  let syncs = 0
  try {
    const session = await blank.createCDPSession()
    // Told once what there is, and then what is new.
    const heard = new Promise<void>((resolve) => {
      session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
        for (const { scopeURL, registrationId, isDeleted } of registrations)
          if (!isDeleted) registered.set(new URL(scopeURL).origin, registrationId)
        if (registered.size > 0) resolve()
      })
    })
    await session.send('ServiceWorker.enable')
    await Promise.race([heard, sleep(2_000)])
    await run({
      async sync(tags) {
        for (const [origin, registrationId] of registered)
          for (const tag of tags) {
            await session.send('ServiceWorker.dispatchSyncEvent', { origin, registrationId, tag, lastChance: random.integer(0, 1) === 1 })
            syncs++
          }
      },
      stop: () => session.send('ServiceWorker.stopAllWorkers'),
    })
    return `${syncs} events`
  } finally {
    await blank.close().catch(() => {})
  }
}

/** The tags under which the browser of a tab may be asked for a sync: the names of the stores. */
async function tagsOf({ tabs }: Profile): Promise<readonly string[]> {
  const names = await tabs[0]?.page.evaluate('indexedDB.databases().then((all) => all.map(({ name }) => name))')
  return (names as string[] | undefined) ?? []
}

/** Lets the hub meet the server of now, if it may be: there is no outbox token without that. */
async function meetServer(profile: Profile): Promise<void> {
  await profile.proxy.set({ kind: 'pass' })
  await profile.connected(4_000)
}

/** Has messages wait on disk that no hub sends: the line is down until they are there. */
async function leaveBehind(profile: Profile, random: SeededRandom): Promise<void> {
  await profile.proxy.set({ kind: 'refuse' })
  profile.proxy.cutAll()
  profile.rush()
  await sleep(random.integer(300, 1_500))
}

/** A few visits that end with no network and, most of them, with no hub left behind; after each, `alone` has the browser to itself. */
async function visit(
  profile: Profile,
  random: SeededRandom,
  alone: (sync: () => Promise<void>, workers: ServiceWorkers) => Promise<void>,
): Promise<string> {
  const tags = await tagsOf(profile)
  return withServiceWorkers(profile, random, async (workers) => {
    for (let visits = random.integer(1, 3); visits > 0; visits--) {
      if (profile.tabs.length === 0) await profile.openTab()
      if (random.integer(0, 3) > 0) await meetServer(profile)
      await leaveBehind(profile, random)
      for (const tab of profile.tabs) await profile.closeTab(tab)
      // Browsers let a hub live on for a while, and it has the outbox as long as it does.
      if (random.integer(0, 4) > 0) await profile.killHub()
      await alone(() => workers.sync(tags), workers)
    }
  })
}

/** How the line is while a service worker sends. */
function someLine(random: SeededRandom): ProxyFault {
  switch (random.integer(0, 3)) {
    case 0:
      return { kind: 'delay', ms: random.integer(20, 600), jitterMs: 200 }
    case 1:
      return { kind: 'blackhole', direction: 'toClient' }
    default:
      return { kind: 'pass' }
  }
}

/** What the life of an app brings besides faults: no tab open, another build, another kind of worker, a user who leaves. */
export const LIVES: readonly Fault<Profile>[] = [
  {
    kind: 'no tab open, syncs',
    weight: 3,
    run: (profile, random) =>
      visit(profile, random, async (sync) => {
        await profile.proxy.set({ kind: 'pass' })
        await sync()
        await sleep(random.integer(100, 2_000))
        if (random.integer(0, 1) === 1) await sync()
      }),
  },
  {
    kind: 'sync with tabs open',
    async run(profile, random) {
      const tags = await tagsOf(profile)
      await meetServer(profile)
      await leaveBehind(profile, random)
      return withServiceWorkers(profile, random, async (workers) => {
        if (random.integer(0, 1) === 1) await profile.killHub()
        await profile.proxy.set({ kind: 'pass' })
        await workers.sync(tags)
      })
    },
  },
  {
    kind: 'service workers stopped',
    weight: 3,
    run: (profile, random) =>
      visit(profile, random, async (sync, workers) => {
        await profile.proxy.set(someLine(random))
        await sync()
        await sleep(random.integer(20, 800))
        await workers.stop()
        await profile.proxy.set({ kind: 'pass' })
        // The browser asks again, unless it has no patience left.
        if (random.integer(0, 1) === 1) await sync()
        await sleep(random.integer(0, 1_500))
      }),
  },
  {
    kind: 'signed out',
    async run(profile, random) {
      if (random.integer(0, 1) === 1) profile.rush()
      await sleep(random.integer(0, 800))
      const tab = profile.tabs[random.integer(0, profile.tabs.length - 1)]
      if (!tab) return 'there was no tab'
      profile.signOut(tab)
      await sleep(random.integer(500, 7_000))
      return tab.name
    },
  },
  {
    kind: 'another build deployed',
    weight: 2,
    async run(profile, random) {
      profile.rush()
      await sleep(random.integer(0, 800))
      profile.deploy()
      return `tab ${(await profile.openTab()).name}`
    },
  },
]
