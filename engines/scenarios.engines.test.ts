import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, type TestContext } from 'vitest'
import { openLab, type Lab } from '../e2e/harness/lab.ts'
import type { EngineBrowser, EngineTab } from './engine-browser.ts'
import { readFeatures } from './features.ts'
import { becomes, eventsOf, hasStatus, openProbe, reload, sendQueued, showsAll, texts } from './probe.ts'
import { startChromium, startFirefox } from './puppeteer-browser.ts'
import { startWebKit } from './webkit-browser.ts'

const ENGINES: Readonly<Record<string, () => Promise<EngineBrowser>>> = {
  chromium: startChromium,
  firefox: startFirefox,
  webkit: startWebKit,
}

declare module 'vitest' {
  interface TaskMeta {
    /** What a scenario has seen of the engine, for the table. */
    seen?: Readonly<Record<string, string | boolean>>
  }
}

for (const engine of (process.env['HOLDFAST_ENGINES'] ?? Object.keys(ENGINES).join(' ')).split(' ')) {
  describe(engine, () => {
    let browser: EngineBrowser
    let lab: Lab
    let open: EngineTab[]
    const openTab = async (): Promise<EngineTab> => {
      const tab = await openProbe(browser, lab)
      open.push(tab)
      return tab
    }
    const closeTab = async (tab: EngineTab): Promise<void> => {
      open = open.filter((other) => other !== tab)
      await tab.close()
    }
    /** Tabs that are connected. */
    const openTabs = async (count: number): Promise<[EngineTab, ...EngineTab[]]> => {
      const tabs: EngineTab[] = []
      for (let at = 0; at < count; at++) tabs.push(await openTab())
      for (const tab of tabs) await hasStatus(tab, 'connected')
      return tabs as [EngineTab, ...EngineTab[]]
    }
    const see = ({ task }: TestContext, seen: Readonly<Record<string, string | boolean>>): void => {
      task.meta.seen = { ...task.meta.seen, ...seen }
    }
    const applied = (): string[] => lab.applied.map(({ data }) => data)
    const cut = async (tabs: readonly EngineTab[]): Promise<void> => {
      await lab.proxy.set({ kind: 'refuse' })
      lab.proxy.cutAll()
      await areOff(tabs)
    }
    /** Waits until the tabs know. In Firefox, which puts tries off that follow a failed one, they rather say `connecting` than `waiting`. */
    const areOff = async (tabs: readonly EngineTab[]): Promise<void> => {
      for (const tab of tabs) await becomes(() => tab.evaluate(() => window.probe.state().status !== 'connected'), true)
    }

    beforeAll(async () => {
      const start = ENGINES[engine]
      if (!start) throw new Error(`No engine is called ${engine}; there are ${Object.keys(ENGINES).join(', ')}.`)
      browser = await start()
    })
    afterAll(() => browser.close())
    beforeEach(async () => {
      lab = await openLab()
      open = []
    })
    afterEach(async () => {
      for (const tab of open) await tab.close()
      await lab.close()
    })

    it('has what the product stands on', async (context) => {
      const tab = await browser.openTab(lab.pageUrl)
      open.push(tab)
      const features = await tab.evaluate(readFeatures)
      see(context, { version: browser.version, ...features })
      expect(features).toMatchObject({ SharedWorker: true, 'Web Locks': true, IndexedDB: true })
    })

    it('[I20] two tabs share one socket, and messages go both ways', async () => {
      const [first, second] = await openTabs(2)
      if (!second) throw new Error('no tab')
      await lab.publish('board', ...texts('published', 20))
      await Promise.all([sendQueued(first, texts('first', 20)), sendQueued(second, texts('second', 20))])
      await becomes(() => lab.applied.length, 40)
      await showsAll([first, second], lab)
      expect(applied().filter((text) => text.startsWith('first'))).toEqual(texts('first', 20))
      expect(applied().filter((text) => text.startsWith('second'))).toEqual(texts('second', 20))
      expect(lab.proxy.connections).toHaveLength(1)
    })

    it('[I1] a reload of the only tab keeps the session, what was missed, and the queue', async (context) => {
      const [tab] = await openTabs(1)
      await lab.publish('board', ...texts('before', 3))
      await showsAll([tab], lab)
      await reload(tab, lab)
      await hasStatus(tab, 'connected')
      await showsAll([tab], lab)
      see(context, { 'hub and socket outlive a reload of the only tab': lab.proxy.connections.length === 1 })
      expect(lab.live.metrics().sessions).toBe(1)

      await cut([tab])
      await sendQueued(tab, texts('offline', 20))
      await reload(tab, lab)
      await becomes(() => tab.evaluate(() => window.probe.state().pending), 20)
      await showsAll([tab], lab)
      await lab.publish('board', ...texts('away', 3))
      await lab.proxy.set({ kind: 'pass' })
      await becomes(applied, texts('offline', 20))
      await showsAll([tab], lab)
      expect(lab.live.metrics().sessions).toBe(1)
    })

    it('[I32] the tab that started the hub is closed while another sends: nothing is lost or doubled', async () => {
      const [first, ...others] = await openTabs(3)
      const [sender] = others
      if (!sender) throw new Error('no tab')
      const sending = sendQueued(sender, texts('sent', 50))
      await closeTab(first)
      await sending
      await lab.publish('board', ...texts('published', 5))
      await becomes(applied, texts('sent', 50))
      await showsAll(others, lab)
      for (const tab of others) {
        await hasStatus(tab, 'connected')
        expect(await eventsOf(tab, 'reset')).toEqual([])
      }
      await becomes(() => lab.live.metrics().sockets, 1)
    })

    it('[I6] the last tab is closed with messages queued: the next one sends them, once', async () => {
      const [tab] = await openTabs(1)
      await lab.publish('board', 'before')
      await showsAll([tab], lab)
      await cut([tab])
      await sendQueued(tab, texts('queued', 200))
      await closeTab(tab)
      await lab.proxy.set({ kind: 'pass' })
      const again = await openTab()
      await becomes(applied, texts('queued', 200))
      await showsAll([again], lab)
      await becomes(() => again.evaluate(() => window.probe.state().pending), 0)
    })

    it('[I17] the network is cut: all tabs get what they missed, and what was sent meanwhile takes effect', async () => {
      const tabs = await openTabs(2)
      const [sender] = tabs
      await lab.publish('board', 'before')
      await showsAll(tabs, lab)
      await cut(tabs)
      await lab.publish('board', ...texts('away', 30))
      await sendQueued(sender, texts('sent', 30))
      expect(lab.applied).toEqual([])
      await lab.proxy.set({ kind: 'pass' })
      for (const tab of tabs) await hasStatus(tab, 'connected')
      await becomes(applied, texts('sent', 30))
      await showsAll(tabs, lab)
      for (const tab of tabs) {
        expect(await eventsOf(tab, 'recovered')).toEqual([{ type: 'recovered', channel: 'board', missed: 30 }])
        expect(await eventsOf(tab, 'reset')).toEqual([])
      }
    })

    it('[P33] the server restarts with messages queued and forgets everything: all are applied, and what was lost is told', async () => {
      const tabs = await openTabs(2)
      const [sender] = tabs
      await lab.publish('board', ...texts('before', 3))
      await sendQueued(sender, texts('first', 5))
      await becomes(applied, texts('first', 5))
      await showsAll(tabs, lab)
      await lab.proxy.set({ kind: 'refuse' })
      await lab.restartServer()
      await areOff(tabs)
      await sendQueued(sender, texts('second', 20))
      await lab.proxy.set({ kind: 'pass' })
      for (const tab of tabs) await hasStatus(tab, 'connected')
      await becomes(applied, [...texts('first', 5), ...texts('second', 20)])
      await showsAll(tabs, lab)
      for (const tab of tabs) await becomes(async () => (await eventsOf(tab, 'reset')).length, 1)
    })

    it('[I33] a black-holed socket is noticed within the time of the heartbeat, by tabs that are seen or not', async () => {
      await lab.close()
      lab = await openLab({ heartbeat: { pingMs: 3_000, hiddenPingMs: 3_000, timeoutMs: 4_000 } })
      const tabs = await openTabs(2)
      await lab.proxy.set({ kind: 'blackhole', direction: 'both', on: 1 })
      // Silence for three seconds, four for an answer, and what a busy machine adds.
      await lab.proxy.waitForConnections(2, 10_000)
      await lab.publish('board', 'by another socket')
      await showsAll(tabs, lab)
      for (const tab of tabs) await hasStatus(tab, 'connected')
    })

    it('[I20] a page that was left and comes back shows the truth within a second', async (context) => {
      const [left, other] = await openTabs(2)
      if (!other) throw new Error('no tab')
      await lab.publish('board', 'before')
      await showsAll([left, other], lab)
      await left.evaluate(() => Object.assign(window, { left: true }) && null)
      await left.load(`${lab.pageUrl}hub.js`)
      await lab.publish('board', ...texts('away', 100))
      await showsAll([other], lab)
      await left.evaluate(() => void setTimeout(() => history.back()))
      await becomes(async () => left.evaluate(() => 'probe' in window).catch(() => false), true)
      const isRestored = await left.evaluate(() => 'left' in window)
      see(context, { 'back–forward cache, with the hub attached': isRestored })
      if (isRestored) await showsAll([left], lab, 1_000)
      else await reload(left, lab)
      await hasStatus(left, 'connected')
      await showsAll([left], lab)
    })
  })
}
