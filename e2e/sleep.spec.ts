import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { startBrowserProcess, type BrowserProcess } from './harness/browser-process.ts'
import { openLab, type Lab } from './harness/lab.ts'
import { eventsOf, expect, hasStatus, openProbe, sendQueued, showsAll, test as base, texts } from './harness/test.ts'

/** A server that soon gives up a browser that says nothing. */
const PATIENCE = { pingMs: 2_000, hiddenPingMs: 2_000, timeoutMs: 4_000 }

const test = base.extend<{ machine: BrowserProcess; pages: readonly [Page, Page] }>({
  lab: async ({}, use) => {
    const lab = await openLab({ heartbeat: PATIENCE })
    await use(lab)
    await lab.close()
  },
  machine: async ({}, use) => {
    const profile = await mkdtemp(join(tmpdir(), 'holdfast-'))
    const machine = await startBrowserProcess(profile)
    await use(machine)
    await machine.kill()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  },
  pages: async ({ lab, machine }, use) => {
    const [context] = machine.browser.contexts()
    if (!context) throw new Error('no context')
    const pages: [Page, Page] = [await openProbe(await context.newPage(), lab), await openProbe(await context.newPage(), lab)]
    for (const page of pages) await hasStatus(page, 'connected')
    await use(pages)
  },
})

/** Nobody hears the browser any more: the server has given it up. */
async function sleepsUntilGivenUp(lab: Lab): Promise<void> {
  await expect.poll(() => lab.live.metrics().sockets, { timeout: 20_000 }).toBe(0)
}

async function hasAll(pages: readonly Page[], lab: Lab, missed: number): Promise<void> {
  const wokenAtMs = Date.now()
  await showsAll(pages, lab, 'board', 5_000)
  for (const page of pages) await hasStatus(page, 'connected', Math.max(1, 5_000 - (Date.now() - wokenAtMs)))
  for (const page of pages) {
    expect(await eventsOf(page, 'reset')).toEqual([])
    await expect.poll(() => eventsOf(page, 'recovered')).toEqual([{ type: 'recovered', channel: 'board', missed }])
  }
}

test('[HB5] a machine that wakes to a socket the server has closed is connected again at once, with all that it missed', async ({
  lab,
  machine,
  pages,
}) => {
  await lab.publish('board', 'before')
  await showsAll(pages, lab)
  machine.sleep()
  await sleepsUntilGivenUp(lab)
  await lab.publish('board', ...texts('asleep', 50))
  machine.wakeUp()
  await hasAll(pages, lab, 50)
})

test('[I33] a machine that wakes to a socket that leads nowhere notices at once, and what it sends then is applied once', async ({
  lab,
  machine,
  pages,
}) => {
  const [sender] = pages
  await lab.publish('board', 'before')
  await showsAll(pages, lab)
  // The router has forgotten the connection: neither side hears of it.
  await lab.proxy.set({ kind: 'blackhole', direction: 'both', on: 1 })
  machine.sleep()
  await sleepsUntilGivenUp(lab)
  await lab.publish('board', ...texts('asleep', 50))
  machine.wakeUp()
  await sendQueued(sender, 'board', texts('awake', 5))
  await showsAll(pages, lab, 'board', 8_000)
  for (const page of pages) {
    await hasStatus(page, 'connected')
    expect(await eventsOf(page, 'reset')).toEqual([])
  }
  await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual(texts('awake', 5))
})
