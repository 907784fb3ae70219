import { test as base, expect, type Page } from '@playwright/test'
import type { Probe, ProbeEvent } from '../app/main.ts'
import { openLab, type HubRung, type Lab } from './lab.ts'

/** What `connect` is given in the tests, as far as it can cross into the page. */
export interface TabOptions {
  readonly channels?: readonly string[]
  readonly connect?: {
    readonly reconnect?: object
    readonly outbox?: object
    readonly hiddenDelayMs?: number
    readonly user?: string
    readonly hubUrl?: string
    readonly build?: string
  }
}

/** Opens a tab of the probe app that is connected and subscribed. */
export type OpenTab = (options?: TabOptions) => Promise<Page>

/** Short delays, so that tests wait for what they test and not for the backoff. */
export const QUICK = { baseDelayMs: 50, maxDelayMs: 500, stableAfterMs: 200 }

/** What the projects of a run differ in. */
export interface RungOption {
  readonly rung: HubRung
}

export const test = base.extend<RungOption & { lab: Lab; openTab: OpenTab }>({
  rung: ['shared', { option: true }],
  lab: async ({ rung }, use) => {
    const lab = await openLab({}, rung)
    await use(lab)
    await lab.close()
  },
  openTab: async ({ lab, context }, use) => {
    await use(async (options = {}) => openProbe(await context.newPage(), lab, options))
  },
})

/** Loads the probe into a page and connects it. */
export async function openProbe(page: Page, lab: Lab, { channels = ['board'], connect = {} }: TabOptions = {}): Promise<Page> {
  await page.goto(lab.pageUrl)
  await page.evaluate(
    ([options, wanted]) => {
      window.probe.open(options)
      for (const channel of wanted) window.probe.subscribe(channel)
    },
    [{ url: lab.liveUrl, reconnect: QUICK, ...connect }, channels] as const,
  )
  return page
}

/** Everything that happened in a tab, of one type. */
export async function eventsOf<T extends ProbeEvent['type']>(page: Page, type: T): Promise<Extract<ProbeEvent, { type: T }>[]> {
  const events = await page.evaluate(() => window.probe.events)
  return events.filter((event): event is Extract<ProbeEvent, { type: T }> => event.type === type)
}

/** Waits until the tab says so. */
export async function hasStatus(page: Page, status: ReturnType<Probe['state']>['status'], timeoutMs = 10_000): Promise<void> {
  await expect.poll(() => page.evaluate(() => window.probe.state().status), { timeout: timeoutMs, intervals: [20] }).toBe(status)
}

/** Waits until each tab shows exactly what the database holds: everything, once, in order. */
export async function showsAll(pages: readonly Page[], lab: Lab, channel = 'board', timeoutMs = 10_000): Promise<void> {
  for (const page of pages) {
    await expect
      .poll(() => page.evaluate((name) => window.probe.views[name], channel), { timeout: timeoutMs, intervals: [20] })
      .toEqual(lab.database.get(channel) ?? [])
  }
}

/** Sends from a tab; resolves with the ids when all are queued. */
export async function sendQueued(page: Page, channel: string, data: readonly string[]): Promise<string[]> {
  return page.evaluate(
    async ([name, strings]) => {
      const ids = window.probe.send(name, ...strings)
      await window.probe.queued(ids)
      return ids
    },
    [channel, data] as const,
  )
}

/** `count` different texts. */
export function texts(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}-${at + 1}`)
}

export { expect }
