import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import type { FaultProxy } from 'holdfast/testing'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'

/** A tab as the harness holds it. */
export interface Tab {
  readonly name: string
  readonly page: Page
  crashed: boolean
}

/** One browser profile of one user: its folder, and the browser that runs on it now. */
export interface Profile {
  readonly name: string
  readonly user: string
  readonly folder: string
  /** What stands between this browser and the server. */
  readonly proxy: FaultProxy
  /** Tabs of the browser of now. */
  readonly tabs: readonly Tab[]
  start(): Promise<void>
  /** `kill -9` of every process at once; resolves when they are gone. */
  kill(): Promise<void>
  /** Stops or continues every process. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** A new tab; one that `listens` to all there is to tell, or one of any kind. */
  openTab(listens?: boolean): Promise<Tab>
  /** Pages that are loaded from now on are of another build. */
  deploy(): void
  /** Ends the hub, wherever it runs, as a crash would. Gives how many workers there were. */
  killHub(): Promise<number>
  /** Waits until one of the tabs is connected, but not longer. Gives whether one is. */
  connected(mostMs: number): Promise<boolean>
  /** Has every tab send much at once, soon. */
  rush(): void
  /** Has one of the tabs sign the user out, soon, and clear the site then where that is asked; every page of the profile then signs in again. */
  signOut(tab: Tab, clears?: boolean): void
  /** Has a tab's clock off by so much, soon. */
  setClock(tab: Tab, offMs: number): void
  closeTab(tab: Tab): Promise<void>
  /** Replaces crashed tabs, and opens one when there is none; a browser that has ended, or does not do so, is killed and started again. */
  repair(): Promise<void>
  browser(): Browser
  /** Process id of the browser; its children are the renderers. */
  pid(): number
  /** Copies the profile's files, of a running browser too. */
  copyTo(folder: string): Promise<void>
  close(): Promise<void>
}

const FLAGS = [
  ...CHROMIUM_FLAGS,
  '--headless=new',
  '--remote-debugging-port=0',
  '--no-default-browser-check',
  '--disable-dev-shm-usage',
  '--disable-default-apps',
  '--disable-extensions',
  '--password-store=basic',
  '--use-mock-keychain',
  '--hide-crash-restore-bubble',
]
/** Nothing that is asked of a browser or a page may hold a run up for longer. */
const DEADLINE_MS = 15_000

/** The app under test, as far as a profile has to do with it; tabs are given by their names. */
export interface ProfileApp {
  /** The page of a tab, which is of that build. */
  address(tab: string, user: string, live: string, build: number, listens?: boolean): string
  isConnected(tab: string): boolean
  rush(tab: string): void
  signOut(tab: string, clears: boolean): void
  setClock(tab: string, offMs: number): void
}

/** Makes a profile; no browser runs on it yet. */
export function createProfile(name: string, user: string, folder: string, proxy: FaultProxy, app: ProfileApp): Profile {
  let child: ChildProcess | undefined
  let running: Browser | undefined
  let tabs: Tab[] = []
  let opened = 0
  let build = 1

  const toGroup = (signal: NodeJS.Signals): void => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    process.kill(-child.pid, signal)
  }

  const profile: Profile = {
    name,
    user,
    folder,
    proxy,
    get tabs() {
      return tabs
    },
    async start() {
      const starting = spawn(findChromium(), [...FLAGS, `--user-data-dir=${folder}`, 'about:blank'], {
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      child = starting
      const browserWSEndpoint = await endpointOf(starting)
      running = await puppeteer.connect({ browserWSEndpoint, defaultViewport: null, protocolTimeout: DEADLINE_MS })
    },
    async kill() {
      const ending = child
      if (ending === undefined) return
      const exited = ending.exitCode === null && ending.signalCode === null ? once(ending, 'exit') : undefined
      toGroup('SIGKILL')
      await exited
      child = undefined
      tabs = []
      await running?.disconnect().catch(() => {})
      running = undefined
    },
    signal: toGroup,
    async openTab(listens) {
      const page = await profile.browser().newPage()
      const tab: Tab = { name: `${name}${++opened}`, page, crashed: false }
      page.on('error', () => (tab.crashed = true))
      tabs.push(tab)
      // A page that does not load in time is one more fault: it is replaced like a crashed one.
      const address = app.address(tab.name, user, proxy.url('/live'), build, listens)
      await page.goto(address, { timeout: DEADLINE_MS }).catch(() => (tab.crashed = true))
      return tab
    },
    signOut: ({ name: tab }, clears = false) => app.signOut(tab, clears),
    setClock: ({ name: tab }, offMs) => app.setClock(tab, offMs),
    deploy: () => void build++,
    async killHub() {
      const own = tabs.flatMap(({ page }) => page.workers())
      for (const worker of own) await worker.close().catch(() => {})
      const session = await profile.browser().target().createCDPSession()
      const { targetInfos } = await session.send('Target.getTargets')
      const targets = targetInfos.filter(({ type }) => type === 'shared_worker')
      for (const { targetId } of targets) await session.send('Target.closeTarget', { targetId })
      await session.detach()
      return own.length + targets.length
    },
    async connected(mostMs) {
      const isConnected = (): boolean => tabs.some((tab) => app.isConnected(tab.name))
      for (const endMs = Date.now() + mostMs; Date.now() < endMs && !isConnected();) await sleep(50)
      return isConnected()
    },
    rush() {
      for (const tab of tabs) app.rush(tab.name)
    },
    async closeTab(tab) {
      tabs = tabs.filter((other) => other !== tab)
      // What crashed does not answer any more.
      await Promise.race([tab.page.close().catch(() => {}), sleep(2_000)])
    },
    async repair() {
      try {
        // It may have crashed as a whole, of what was done to a part of it.
        if (!running?.connected) throw new Error('the browser has ended')
        for (const tab of tabs.filter(({ crashed }) => crashed)) {
          await profile.closeTab(tab)
          await profile.openTab()
        }
        if (tabs.length === 0) await profile.openTab()
      } catch {
        await profile.kill()
        await profile.start()
        await profile.openTab()
      }
    },
    browser() {
      if (!running) throw new Error(`no browser runs on profile ${name}`)
      return running
    },
    pid: () => child?.pid ?? 0,
    async copyTo(copy) {
      await rm(copy, { recursive: true, force: true })
      await copyFiles(folder, copy)
      // They would hand a new browser over to the one that runs.
      for (const lock of ['SingletonLock', 'SingletonCookie', 'SingletonSocket']) await rm(`${copy}/${lock}`, { force: true })
    },
    async close() {
      toGroup('SIGCONT')
      await profile.kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  return profile
}

async function copyFiles(from: string, to: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await cp(from, to, { recursive: true, verbatimSymlinks: true, filter: (path) => !/Singleton|Cache|Crashpad/.test(path) })
    } catch (error) {
      // A running browser takes files away meanwhile.
      if (tries === 5) throw error
      await rm(to, { recursive: true, force: true })
    }
  }
}

async function endpointOf(child: ChildProcess): Promise<string> {
  let printed = ''
  return new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the browser did not start: ${printed}`)), 30_000)
    child.once('exit', () => reject(new Error(`the browser ended: ${printed}`)))
    child.stderr?.on('data', (chunk: Buffer) => {
      if (printed.length < 10_000) printed += String(chunk)
      const match = /DevTools listening on (ws:\S+)/.exec(printed)
      if (!match?.[1]) return
      clearTimeout(late)
      resolve(match[1])
    })
  })
}
