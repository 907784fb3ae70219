// Takes the demo's pictures, for a look at every state: node demo/screenshots.mjs [folder]
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright'
import { startDemo } from './server.mjs'

const folder = process.argv[2] ?? '.reports/demo'
const SIZES = { wide: { width: 1280, height: 800 }, tablet: { width: 820, height: 1180 }, narrow: { width: 390, height: 844 } }

await mkdir(folder, { recursive: true })
const demo = await startDemo()
const browser = await chromium.launch({
  executablePath: process.env['HOLDFAST_CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
try {
  const context = await browser.newContext({ viewport: SIZES.wide, reducedMotion: 'reduce' })
  const page = await context.newPage()
  page.on('pageerror', (error) => console.error('page error:', error.message))
  page.on('console', (message) => message.type() === 'error' && console.error('console:', message.text()))
  const label = page.locator('#state-label')

  /** @param {string} name */
  const shoot = async (name) => {
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport)
      for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
        await page.emulateMedia({ colorScheme })
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: size !== 'wide' })
      }
    }
    await page.setViewportSize(SIZES.wide)
  }
  /** @param {string} text */
  const say = async (text) => {
    await page.getByLabel('Message', { exact: true }).fill(text)
    await page.keyboard.press('Enter')
  }
  /** @param {string} words */
  const press = (words) => page.getByRole('button', { name: words }).click()

  await page.goto(demo.url)
  await page.screenshot({ path: join(folder, 'first-paint.png') })
  await page.locator('#bar[data-status=connected]').waitFor()
  await say('Morning, everyone. Who has the release notes?')
  await page.locator('.message.mine[data-fate=applied]').waitFor()
  await page
    .locator('.message.agent')
    .nth(1)
    .waitFor({ timeout: 6_000 })
    .catch(() => {})
  await shoot('connected')

  await press('Cut')
  await page.locator('#bar[data-status=waiting]').waitFor()
  await say('This one waits until the network is back.')
  await say('And so does this one. It survives a reload, too.')
  await page.locator('.message[data-fate=queued]').nth(1).waitFor()
  await shoot('offline')
  await page.reload()
  await page.locator('.message[data-fate=queued]').nth(1).waitFor()
  console.log('after a reload:', await label.textContent())

  await page.waitForTimeout(25_000)
  await press('Slow')
  if (await page.getByRole('button', { name: 'Retry now' }).isVisible()) await press('Retry now')
  await page.locator('#bar[data-status=recovering]').waitFor({ timeout: 20_000 })
  await page.emulateMedia({ colorScheme: 'light' })
  await page.screenshot({ path: join(folder, 'recovering-wide-light.png') })
  await page.setViewportSize(SIZES.narrow)
  await page.screenshot({ path: join(folder, 'recovering-narrow-light.png') })
  await page.setViewportSize(SIZES.wide)
  await press('Healthy')
  await page.locator('#bar[data-status=connected]').waitFor({ timeout: 20_000 })

  await say('Please reject this one.')
  await page.locator('.message[data-fate=rejected]').waitFor()
  await shoot('rejected')

  await press('Crash server')
  await page.locator('#bar:not([data-status=connected])').waitFor()
  await page.locator('#bar[data-status=connected]').waitFor({ timeout: 20_000 })
  await press('Kill worker')
  await page.waitForTimeout(6_000)
  await shoot('after-everything')

  await page.locator('#switch-person').click()
  await page.locator('#bar[data-status=connected]').waitFor()
  await page.locator('.message').first().waitFor()
  await say('Good afternoon. I have taken over this desk.')
  await page.locator('.message.mine[data-fate=applied]').waitFor()
  await shoot('somebody-else')

  // Another build of the app: its service worker differs by a byte.
  const worker = fileURLToPath(new URL('./dist/sw.js', import.meta.url))
  await page.evaluate(() => navigator.serviceWorker.ready)
  await writeFile(worker, `${await readFile(worker, 'utf8')}\n// the next build\n`)
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update())
  await page.locator('#update').waitFor()
  await shoot('update')
} finally {
  await browser.close()
  await demo.close()
}
