import type { Browser, Page } from 'puppeteer-core'
import type { Lab } from './lab.ts'
import { openPuppeteerTab } from './puppeteer-tab.ts'
import { expect } from './test.ts'

/** A page that is frozen, and how it runs again. */
export interface FrozenTab {
  /** The one that is seen meanwhile. */
  readonly other: Page
  /** Lets it run. Gives how the message it sent when it was frozen has ended, and with which code it failed. */
  thaw(): Promise<{ readonly fate: string; readonly code: string | null }>
}

declare global {
  interface Window {
    /** What the page sent in its last moment. */
    sentLast?: string | undefined
  }
}

/** Freezes a page that sends a text in its last moment. Resolves when the server has applied it, which the page does not hear. */
export async function freezeWhileSending(chromium: Browser, lab: Lab, text: string): Promise<FrozenTab> {
  const page = await openPuppeteerTab(chromium, lab)
  await page.evaluate((data) => {
    // Before the connection's own, which closes the port.
    document.addEventListener('freeze', () => ([window.sentLast] = window.probe.send('board', data)), { capture: true })
  }, text)
  const other = await openPuppeteerTab(chromium, lab)
  await other.bringToFront()
  await expect.poll(() => page.evaluate(() => document.visibilityState)).toBe('hidden')
  const session = await page.createCDPSession()
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  await expect.poll(() => lab.applied.map(({ data }) => data)).toEqual([text])
  return {
    other,
    async thaw() {
      await session.send('Page.setWebLifecycleState', { state: 'active' })
      await page.bringToFront()
      const ends = ['applied', 'unknown', 'failed', 'rejected']
      await expect.poll(() => page.evaluate(() => window.probe.fates()[window.sentLast ?? ''])).toMatch(new RegExp(ends.join('|')))
      return page.evaluate(async () => {
        const code = await window.probe.queued([window.sentLast ?? '']).then(
          () => null,
          (error: { readonly code: string }) => error.code,
        )
        return { fate: window.probe.fates()[window.sentLast ?? ''] ?? '', code }
      })
    },
  }
}
