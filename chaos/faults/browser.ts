import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from 'holdfast/testing'
import type { CDPSession } from 'puppeteer-core'
import type { Profile, Tab } from '../profile.ts'
import type { Fault } from './fault.ts'
import { inHubWorkers } from './hub-worker.ts'

const MOST_TABS = 4

function someTab({ tabs }: Profile, random: SeededRandom): Tab {
  const tab = tabs[random.integer(0, tabs.length - 1)]
  if (!tab) throw new Error('a profile always has a tab')
  return tab
}

/** Keeps the hub from everything else for so long. Gives whether there was one. */
async function hangHub(profile: Profile, ms: number): Promise<boolean> {
  return (await inHubWorkers(profile, `for (const end = Date.now() + ${ms}; Date.now() < end;);`)) > 0
}

/** Until tabs have handed messages to a hub that does not answer: what kills it then meets calls whose outcome nobody knows. */
async function inTheRush(profile: Profile, random: SeededRandom): Promise<void> {
  await hangHub(profile, 3_000)
  profile.rush()
  await sleep(random.integer(100, 1_500))
}

/** For as long as `run` takes, and no longer than the session lives. */
async function withSession<T>(tab: Tab, run: (session: CDPSession) => Promise<T>): Promise<T> {
  const session = await tab.page.createCDPSession()
  try {
    return await run(session)
  } finally {
    await session.detach().catch(() => {})
  }
}

/** Processes below a browser that run a shared worker: its thread has a name. */
function hubRenderers(browserPid: number): readonly number[] {
  const inGroup = readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      // After the name in brackets: state, parent, process group.
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) === browserPid
    } catch {
      return false
    }
  })
  return inGroup.map(Number).filter((pid) => {
    try {
      return readdirSync(`/proc/${pid}/task`).some((task) =>
        readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').startsWith('SharedWorker'),
      )
    } catch {
      return false
    }
  })
}

/** What happens to browsers, their processes and their tabs. */
export const BROWSER_FAULTS: readonly Fault<Profile>[] = [
  {
    kind: 'browser kill -9',
    weight: 2,
    async run(profile, random) {
      const count = profile.tabs.length
      await inTheRush(profile, random)
      await profile.kill()
      await sleep(random.integer(0, 1_000))
      await profile.start()
      for (let at = 0; at < count; at++) await profile.openTab()
      return `${count} tabs again`
    },
  },
  {
    kind: 'renderer of the hub killed',
    weight: 2,
    async run(profile, random) {
      await inTheRush(profile, random)
      const pids = hubRenderers(profile.pid())
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      // Puppeteer tells of a crash a moment later.
      await sleep(500)
      return `${pids.length} processes, ${profile.tabs.filter(({ crashed }) => crashed).length} tabs with them`
    },
  },
  {
    kind: 'hub killed',
    weight: 2,
    async run(profile, random) {
      await inTheRush(profile, random)
      return `${await profile.killHub()} workers`
    },
  },
  {
    kind: 'hub in an endless loop',
    async run(profile, random) {
      const ms = random.integer(1_000, 12_000)
      const hung = await hangHub(profile, ms)
      await sleep(ms)
      return hung ? `${ms} ms` : 'there was no hub'
    },
  },
  {
    kind: 'tab crashed',
    async run(profile, random) {
      const tab = someTab(profile, random)
      await withSession(tab, async (session) => {
        session.send('Page.crash').catch(() => {})
        await sleep(500)
      })
      tab.crashed = true
      return tab.name
    },
  },
  {
    kind: 'tab closed',
    async run(profile, random) {
      const tab = someTab(profile, random)
      await profile.closeTab(tab)
      const ms = random.integer(0, 1_500)
      if (profile.tabs.length === 0) await sleep(ms)
      return tab.name
    },
  },
  {
    kind: 'tab opened',
    weight: 2,
    async run(profile, random) {
      if (profile.tabs.length >= MOST_TABS) await profile.closeTab(someTab(profile, random))
      return (await profile.openTab()).name
    },
  },
  {
    kind: 'tab reloaded',
    async run(profile, random) {
      const tab = someTab(profile, random)
      await tab.page.reload().catch(() => (tab.crashed = true))
      return tab.name
    },
  },
  {
    kind: 'tab brought to the front',
    async run(profile, random) {
      const tab = someTab(profile, random)
      await tab.page.bringToFront()
      return `${tab.name}, ${profile.tabs.length - 1} others hidden`
    },
  },
  {
    kind: 'tab frozen',
    async run(profile, random) {
      if (profile.tabs.length < 2) await profile.openTab()
      const [first, ...others] = profile.tabs
      await first?.page.bringToFront()
      const tab = others[random.integer(0, others.length - 1)]
      if (!tab) throw new Error('there are two tabs')
      const ms = random.integer(500, 7_000)
      await withSession(tab, async (session) => {
        await session.send('Page.setWebLifecycleState', { state: 'frozen' })
        await sleep(ms)
        await session.send('Page.setWebLifecycleState', { state: 'active' })
      })
      await tab.page.bringToFront()
      return `${tab.name} for ${ms} ms`
    },
  },
  {
    kind: 'back-forward cache',
    async run(profile, random) {
      const tab = someTab(profile, random)
      const ms = random.integer(300, 4_000)
      await tab.page.goto(new URL('/away.html', tab.page.url()).href)
      await sleep(ms)
      await tab.page.evaluate('history.back()').catch(() => {})
      await sleep(500)
      return `${tab.name} for ${ms} ms`
    },
  },
  {
    kind: 'sleep (SIGSTOP of the whole browser)',
    async run(profile, random) {
      const ms = random.integer(1_000, 8_000)
      profile.signal('SIGSTOP')
      await sleep(ms)
      profile.signal('SIGCONT')
      return `${ms} ms`
    },
  },
  {
    kind: 'CPU throttled',
    async run(profile, random) {
      const tab = someTab(profile, random)
      const rate = random.integer(4, 20)
      const ms = random.integer(1_000, 4_000)
      await withSession(tab, async (session) => {
        await session.send('Emulation.setCPUThrottlingRate', { rate })
        await sleep(ms)
        await session.send('Emulation.setCPUThrottlingRate', { rate: 1 })
      })
      return `${tab.name} ${rate} times slower for ${ms} ms`
    },
  },
]
