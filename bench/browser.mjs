import { setTimeout as delay } from 'node:timers/promises'
import puppeteer from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import { cpuBetween, readCpu } from './cpu.mjs'

/** @typedef {Awaited<ReturnType<typeof openBrowser>>} Browser */
/** @typedef {Awaited<ReturnType<Browser['openTab']>>} Tab */

// Puppeteer keeps hidden tabs as lively as visible ones by default; people's browsers do not.
const KEPT_ALIVE = ['--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding']
const DEADLINE_MS = 60_000

/** Starts a Chromium with an empty profile. */
export async function openBrowser() {
  const chromium = await puppeteer.launch({
    executablePath: findChromium(),
    headless: true,
    args: CHROMIUM_FLAGS,
    ignoreDefaultArgs: KEPT_ALIVE,
  })
  const pid = chromium.process()?.pid ?? 0

  return {
    /**
     * Opens a page of the bench in a new tab and waits until it is ready.
     *
     * @param {string} address
     */
    async openTab(address) {
      const page = await chromium.newPage()
      const devtools = await page.createCDPSession()
      /** @type {string[]} */
      const errors = []
      page.on('pageerror', (error) => errors.push(String(error instanceof Error ? error.message : error)))
      // Focus emulation is what makes several tabs of one window visible at a time.
      await devtools.send('Emulation.setFocusEmulationEnabled', { enabled: true })
      await page.goto(address, { waitUntil: 'domcontentloaded' })
      const tab = {
        /** @param {boolean} visible */
        async show(visible) {
          await devtools.send('Emulation.setFocusEmulationEnabled', { enabled: visible })
          await page.waitForFunction(`document.visibilityState === '${visible ? 'visible' : 'hidden'}'`, { polling: 20, timeout: 5_000 })
        },
        bringToFront: () => page.bringToFront(),
        /**
         * Evaluates a script in the page; its promise is awaited.
         *
         * @param {string} script
         * @returns {Promise<any>}
         */
        async run(script) {
          const late = delay(DEADLINE_MS, undefined, { ref: false }).then(() => {
            throw new Error(`${script} did not end within ${DEADLINE_MS} ms. ${errors.join(' ')}`)
          })
          return Promise.race([page.evaluate(script), late])
        },
      }
      await tab.run('bench.ready')
      return tab
    },

    /**
     * CPU used by all processes of the browser while `work` runs; `null` where that cannot be told.
     *
     * @param {() => Promise<unknown>} work
     */
    async cpuDuring(work) {
      const before = readCpu(pid)
      await work()
      const after = readCpu(pid)
      return before && after && cpuBetween(before, after)
    },
    close: () => chromium.close(),
  }
}
