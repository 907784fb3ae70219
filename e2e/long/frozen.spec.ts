import { launch } from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium } from '../../scripts/find-chromium.mjs'
import { freezeWhileSending } from '../harness/frozen-tab.ts'
import { expect, test } from '../harness/test.ts'

/** Longer than anything is remembered in full. */
const FROZEN_MS = 11 * 60_000

test('[I37] a message that a page sent while it was being frozen is applied once when the page runs again after eleven minutes', async ({
  lab,
}) => {
  test.setTimeout(FROZEN_MS + 120_000)
  const chromium = await launch({
    executablePath: findChromium(),
    args: CHROMIUM_FLAGS,
    headless: true,
    protocolTimeout: FROZEN_MS + 60_000,
  })
  try {
    const frozen = await freezeWhileSending(chromium, lab, 'pay 10')
    const sinceMs = Date.now()
    // Nothing is patched and no clock is moved: these minutes pass.
    await expect.poll(() => Date.now() - sinceMs, { timeout: FROZEN_MS + 30_000, intervals: [5_000] }).toBeGreaterThan(FROZEN_MS)
    expect(await frozen.thaw()).toEqual({ fate: 'applied', code: null })
    expect(lab.applied).toHaveLength(1)
    expect(lab.database.get('board')).toEqual(['pay 10'])
  } finally {
    await chromium.close()
  }
})
