import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch, type Browser, type Page } from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import type { ProbeEvent } from './app/main.ts'
import type { Lab } from './harness/lab.ts'
import { expect, QUICK, test as base } from './harness/test.ts'

/** A hidden tab is given its batches this late: nothing gets there by chance before what is to happen. */
const HIDDEN_DELAY_MS = 60_000

/** A browser in which tabs are hidden for real, and that can be killed and started again with what it has stored. */
interface Browsing {
  browser: Browser
  kill(): Promise<void>
}

const test = base.extend<{ browsing: Browsing }>({
  browsing: async ({}, use) => {
    const userDataDir = await mkdtemp(join(tmpdir(), 'holdfast-'))
    const start = (): Promise<Browser> => launch({ executablePath: findChromium(), args: CHROMIUM_FLAGS, userDataDir, headless: true })
    const browsing: Browsing = {
      browser: await start(),
      async kill() {
        const child = browsing.browser.process()
        if (child?.pid === undefined) throw new Error('no process')
        const exited = once(child, 'exit')
        process.kill(-child.pid, 'SIGKILL')
        await exited
        browsing.browser = await start()
      },
    }
    await use(browsing)
    await browsing.browser.close()
    await rm(userDataDir, { recursive: true, force: true, maxRetries: 5 })
  },
})

async function openTab(browser: Browser, lab: Lab): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(lab.pageUrl)
  await begin(page, lab)
  return page
}

/** The page has loaded: its app connects and listens. */
async function begin(page: Page, lab: Lab): Promise<void> {
  await page.evaluate(
    (url, reconnect, hiddenDelayMs) => window.probe.open({ url, reconnect, hiddenDelayMs }),
    lab.liveUrl,
    QUICK,
    HIDDEN_DELAY_MS,
  )
  await expect.poll(() => page.evaluate(() => window.probe.state().status)).toBe('connected')
}

async function restartsOf(page: Page): Promise<ProbeEvent[]> {
  return page.evaluate(() => window.probe.events.filter(({ type }) => type === 'restart'))
}

async function send(page: Page, text: string): Promise<string> {
  return page.evaluate(async (data) => {
    const ids = window.probe.send('board', data)
    await window.probe.queued(ids)
    return ids[0] ?? ''
  }, text)
}

/** Ends the hub, wherever it runs; the tab lives on. */
async function killHub(browser: Browser, page: Page): Promise<void> {
  const [own] = page.workers()
  if (own) return own.evaluate(() => self.close())
  const session = await browser.target().createCDPSession()
  const { targetInfos } = await session.send('Target.getTargets')
  for (const { type, targetId } of targetInfos) if (type === 'shared_worker') await session.send('Target.closeTarget', { targetId })
  await session.detach()
}

/** What may happen before a hidden tab has heard; gives the tab that the user looks at then. */
const HAPPENINGS: Readonly<Record<string, (page: Page, browsing: Browsing, lab: Lab) => Promise<Page>>> = {
  async 'the hub is killed'(page, { browser }) {
    await killHub(browser, page)
    await page.bringToFront()
    return page
  },
  async 'the tab is closed'(page, { browser }, lab) {
    await page.close()
    return openTab(browser, lab)
  },
  async 'the tab is reloaded'(page, _browsing, lab) {
    await page.reload()
    await page.bringToFront()
    await begin(page, lab)
    return page
  },
  async 'the browser is killed'(_page, browsing, lab) {
    await browsing.kill()
    return openTab(browsing.browser, lab)
  },
}

for (const [what, happen] of Object.entries(HAPPENINGS)) {
  test(`[I38] [OB25] ${what} before a hidden tab has heard of a restart: it is told, once, when somebody listens`, async ({
    lab,
    browsing,
  }) => {
    const hidden = await openTab(browsing.browser, lab)
    const first = await send(hidden, 'first')
    await expect.poll(() => hidden.evaluate(() => window.probe.state().pending)).toBe(0)
    const other = await browsing.browser.newPage()
    await other.bringToFront()
    await expect.poll(() => hidden.evaluate(() => document.visibilityState)).toBe('hidden')

    // What the server says does not arrive any more; then it forgets, and is sent the second message again.
    await lab.proxy.set({ kind: 'blackhole', direction: 'toClient' })
    const second = await send(hidden, 'second')
    await expect.poll(() => lab.applied.length).toBe(2)
    await lab.proxy.set({ kind: 'refuse' })
    await lab.crashServer()
    await lab.proxy.set({ kind: 'pass' })
    await expect
      .poll(() => lab.applied.map(({ data, mayRepeat }) => [data, mayRepeat]), { timeout: 20_000 })
      .toContainEqual(['second', true])
    expect(await restartsOf(hidden)).toEqual([])

    const happenedAtMs = Date.now()
    const told = await happen(hidden, browsing, lab)
    await expect
      .poll(() => restartsOf(told), { timeout: 20_000 })
      .toEqual([{ type: 'restart', atMs: expect.any(Number) as unknown, reason: 'ledger', mayRepeat: [second], mayBeLost: [first] }])
    const [event] = await restartsOf(told)
    expect(event?.type === 'restart' && event.atMs).toBeLessThan(happenedAtMs)
    // It was heard: nobody who comes later is told again.
    const later = await openTab(browsing.browser, lab)
    await later.bringToFront()
    await send(later, 'third')
    await expect.poll(() => lab.applied.at(-1)?.data).toBe('third')
    expect(await restartsOf(later)).toEqual([])
  })
}
