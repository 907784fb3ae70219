import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from 'holdfast/testing'
import type { CDPSession } from 'puppeteer-core'
import type { Profile } from '../profile.ts'
import type { ServerProcess } from '../server-process.ts'
import { fillServer } from '../strangers.ts'
import { setHubClock } from './clocks.ts'
import type { Fault } from './fault.ts'

const LONGEST_MEMORY_MS = 11 * 60_000

/** Messages that were applied, and whose answers do not arrive: their sender cannot know. */
async function leaveInDoubt(profile: Profile, random: SeededRandom): Promise<void> {
  await profile.proxy.set({ kind: 'pass' })
  await profile.connected(4_000)
  await profile.proxy.set({ kind: 'blackhole', direction: 'toClient' })
  profile.rush()
  await sleep(random.integer(300, 1_200))
}

/** Nobody is there any more to hear what a hub has to tell. */
async function endSomebody(profile: Profile, random: SeededRandom): Promise<string> {
  const tabs = profile.tabs.slice()
  switch (random.integer(0, 4)) {
    case 0:
      return `${await profile.killHub()} workers killed`
    case 1:
      for (const tab of tabs) await profile.closeTab(tab)
      return `${tabs.length} tabs closed`
    case 2:
      await Promise.all(tabs.map(({ page }) => page.reload().catch(() => {})))
      return `${tabs.length} tabs reloaded`
    case 3:
      await profile.kill()
      await profile.start()
      await profile.openTab()
      return 'browser killed'
    default:
      return 'nobody ended'
  }
}

/** While `run` lasts every tab is hidden. */
async function hidden<T>(profile: Profile, run: () => Promise<T>): Promise<T> {
  const front = await profile.browser().newPage()
  await front.bringToFront()
  try {
    return await run()
  } finally {
    await front.close().catch(() => {})
  }
}

/** A tab stands still, and has sent something as it did, while `run` lasts. */
async function standingStill(profile: Profile, random: SeededRandom, run: () => Promise<void>): Promise<string> {
  if (profile.tabs.length < 2) await profile.openTab()
  const tab = profile.tabs[random.integer(0, profile.tabs.length - 1)]
  if (!tab) throw new Error('there are two tabs')
  if (random.integer(0, 1) === 0) {
    await tab.page.goto(new URL('/away.html', tab.page.url()).href)
    await run()
    await tab.page.evaluate('history.back()').catch(() => {})
    return `${tab.name} in the back-forward cache`
  }
  await profile.tabs.find((other) => other !== tab)?.page.bringToFront()
  const session: CDPSession = await tab.page.createCDPSession()
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  await run()
  await session.send('Page.setWebLifecycleState', { state: 'active' })
  await session.detach()
  await tab.page.bringToFront()
  return `${tab.name} frozen`
}

/** What loses a memory while nobody can hear of it. */
export function tellingFaults(server: ServerProcess): readonly Fault<Profile>[] {
  return [
    {
      kind: 'server killed while all tabs are hidden',
      weight: 3,
      run: (profile, random) =>
        hidden(profile, async () => {
          if (random.integer(0, 2) > 0) await leaveInDoubt(profile, random)
          await server.replace({ pauseMs: random.integer(0, 500) })
          profile.proxy.cutAll()
          await profile.proxy.set({ kind: 'pass' })
          const ms = random.integer(0, 2_500)
          await sleep(ms)
          return `${await endSomebody(profile, random)} after ${ms} ms`
        }),
    },
    {
      kind: 'strangers fill the server while messages are in doubt',
      async run(profile, random) {
        await leaveInDoubt(profile, random)
        await profile.proxy.set({ kind: 'refuse' })
        profile.proxy.cutAll()
        // What was connected at the last sweep is not given up.
        await sleep(3_500)
        const strangers = await fillServer(server.port, 260)
        await profile.proxy.set({ kind: 'pass' })
        return strangers
      },
    },
    {
      kind: 'tab stands still for longer than a hub remembers',
      weight: 2,
      async run(profile, random) {
        await profile.proxy.set({ kind: 'pass' })
        await profile.connected(4_000)
        const what = await standingStill(profile, random, async () => {
          await sleep(random.integer(500, 1_500))
          await setHubClock(profile, LONGEST_MEMORY_MS)
          profile.rush()
          await sleep(random.integer(1_000, 2_500))
        })
        await sleep(1_000)
        await setHubClock(profile, 0)
        return what
      },
    },
  ]
}
