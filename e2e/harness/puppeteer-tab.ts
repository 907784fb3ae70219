import type { Browser, Page } from 'puppeteer-core'
import type { Lab } from './lab.ts'
import { expect, QUICK } from './test.ts'

/** Opens a tab of a browser in which tabs are hidden and frozen for real, connected and reading the channel `board`. */
export async function openPuppeteerTab(chromium: Browser, lab: Lab): Promise<Page> {
  const page = await chromium.newPage()
  await page.goto(lab.pageUrl)
  await page.evaluate(
    (url, reconnect) => {
      window.probe.open({ url, reconnect })
      window.probe.subscribe('board')
    },
    lab.liveUrl,
    QUICK,
  )
  await expect.poll(() => page.evaluate(() => window.probe.state().status)).toBe('connected')
  return page
}
