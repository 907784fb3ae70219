import { expect } from 'vitest'
import type { Probe, ProbeEvent } from '../e2e/app/main.ts'
import type { Lab } from '../e2e/harness/lab.ts'
import type { EngineBrowser, EngineTab } from './engine-browser.ts'

/** Short delays, so that a scenario waits for what it shows and not for the backoff. */
const QUICK = { baseDelayMs: 50, maxDelayMs: 500, stableAfterMs: 200 }

/** Longest time anything here may take on a busy machine. */
const PATIENCE_MS = 15_000

/** Waits until `read` gives `expected`. */
export async function becomes<T>(read: () => T | Promise<T>, expected: T, timeoutMs: number = PATIENCE_MS): Promise<void> {
  await expect.poll(read, { timeout: timeoutMs, interval: 20 }).toEqual(expected)
}

/** Opens a tab of the probe page, connected and subscribed to `board`. */
export async function openProbe(browser: EngineBrowser, lab: Lab): Promise<EngineTab> {
  const tab = await browser.openTab(lab.pageUrl)
  await connectProbe(tab, lab)
  return tab
}

/** Loads the probe page again, as a reload does. */
export async function reload(tab: EngineTab, lab: Lab): Promise<void> {
  await tab.load(lab.pageUrl)
  await connectProbe(tab, lab)
}

async function connectProbe(tab: EngineTab, lab: Lab): Promise<void> {
  await tab.evaluate(
    (url, reconnect) => {
      window.probe.open({ url, reconnect })
      window.probe.subscribe('board')
    },
    lab.liveUrl,
    QUICK,
  )
}

/** Waits until the tab says so. */
export async function hasStatus(tab: EngineTab, status: ReturnType<Probe['state']>['status'], timeoutMs?: number): Promise<void> {
  await becomes(() => tab.evaluate(() => window.probe.state().status), status, timeoutMs)
}

/** Waits until each tab shows what the database holds: everything, once, in order. */
export async function showsAll(tabs: readonly EngineTab[], lab: Lab, timeoutMs?: number): Promise<void> {
  for (const tab of tabs) {
    await becomes(() => tab.evaluate(() => [...(window.probe.views['board'] ?? [])]), lab.database.get('board') ?? [], timeoutMs)
  }
}

/** Sends from a tab, and waits until all of it is queued. */
export async function sendQueued(tab: EngineTab, data: readonly string[]): Promise<void> {
  await tab.evaluate(async (strings) => window.probe.queued(window.probe.send('board', ...strings)).then(() => null), data)
}

/** What happened in a tab, of one type. */
export async function eventsOf(tab: EngineTab, type: ProbeEvent['type']): Promise<ProbeEvent[]> {
  return tab.evaluate((wanted) => window.probe.events.filter((event) => event.type === wanted), type)
}

/** `count` different texts. */
export function texts(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}-${at + 1}`)
}
