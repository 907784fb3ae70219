import { launch, type Page } from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import { findFirefox } from '../scripts/find-firefox.mjs'
import type { EngineBrowser, EngineTab } from './engine-browser.ts'

/** Starts a Chromium, by the DevTools protocol, with nothing switched off that people have. */
export async function startChromium(): Promise<EngineBrowser> {
  return start('Chromium', {
    executablePath: findChromium(),
    args: CHROMIUM_FLAGS,
    ignoreDefaultArgs: [
      '--disable-back-forward-cache',
      '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
    ],
  })
}

/** Starts a Firefox, by WebDriver BiDi. */
export async function startFirefox(): Promise<EngineBrowser> {
  return start('Firefox', {
    browser: 'firefox',
    executablePath: findFirefox(),
  })
}

async function start(name: string, options: Parameters<typeof launch>[0]): Promise<EngineBrowser> {
  const browser = await launch({ ...options, headless: true })
  return {
    version: `${name} ${(await browser.version()).split('/')[1] ?? ''}`,
    async openTab(url) {
      const page = await browser.newPage()
      await page.goto(url)
      return tabOf(page)
    },
    close: () => browser.close(),
  }
}

function tabOf(page: Page): EngineTab {
  return {
    async evaluate<Args extends readonly unknown[], Value>(run: (...args: Args) => Value | Promise<Value>, ...args: Args) {
      return (await page.evaluate(run as unknown as (...given: unknown[]) => unknown, ...args)) as Value
    },
    async load(url) {
      await page.goto(url)
    },
    close: () => page.close(),
  }
}
