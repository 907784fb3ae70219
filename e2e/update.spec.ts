import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test, type Page } from '@playwright/test'
import { startDemo } from '../demo/server.mjs'

const built = (name: string): string => fileURLToPath(new URL(`../demo/dist/${name}`, import.meta.url))

/** Deploys the demo's next build: another page, and a service worker that lists it. */
async function deploy(build: number): Promise<void> {
  const page = await readFile(built('index.html'), 'utf8')
  await writeFile(built('index.html'), page.replace(/<body[^>]*>/, `<body data-build="${build}">`))
  const worker = await readFile(built('sw.js'), 'utf8')
  await writeFile(built('sw.js'), worker.replace(/(index\.html[`'"],\s*revision:\s*[`'"])[^`'"]+/, `$1build-${build}`))
}

const buildOf = (page: Page): Promise<string | undefined> => page.evaluate(() => document.body.dataset['build'])

test('[SW2] [SW3] [SW4] an update waits until one tab accepts it; then every tab moves to it, once, and what is queued or half written is still there', async ({
  context,
}) => {
  test.setTimeout(120_000)
  const demo = await startDemo()
  try {
    const loads = new Map<Page, number>()
    const openTab = async (): Promise<Page> => {
      const page = await context.newPage()
      page.on('load', () => loads.set(page, (loads.get(page) ?? 0) + 1))
      await page.goto(demo.url)
      await expect(page.locator('#bar')).toHaveAttribute('data-status', 'connected')
      return page
    }
    const one = await openTab()
    const two = await openTab()
    // The first service worker takes both over, without a reload.
    for (const page of [one, two])
      await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller?.state), { timeout: 20_000 }).toBe('activated')
    expect([...loads.values()]).toEqual([1, 1])
    await one.getByRole('button', { name: /^Cut/ }).click()
    await expect(one.locator('#bar')).toHaveAttribute('data-status', 'waiting')
    await one.getByLabel('Message', { exact: true }).fill('queued over the update')
    await one.keyboard.press('Enter')
    await expect(one.locator('.message', { hasText: 'queued over' })).toHaveAttribute('data-fate', 'queued')

    await deploy(2)
    await one.evaluate(async () => (await navigator.serviceWorker.ready).update())
    for (const page of [one, two]) await expect(page.locator('#update')).toBeVisible({ timeout: 20_000 })
    const late = await context.newPage()
    late.on('load', () => loads.set(late, (loads.get(late) ?? 0) + 1))
    await late.goto(demo.url)
    await expect(late.locator('#update')).toBeVisible({ timeout: 20_000 })
    expect(await Promise.all([one, two, late].map(buildOf))).toEqual([undefined, undefined, undefined])
    await two.getByLabel('Message', { exact: true }).fill('half written')

    await one.getByRole('button', { name: 'Update' }).click()
    for (const page of [one, two, late]) {
      await expect.poll(() => buildOf(page).catch(() => null), { timeout: 15_000 }).toBe('2')
      await expect(page.locator('#update')).toBeHidden()
    }
    await expect(two.getByLabel('Message', { exact: true })).toHaveValue('half written')
    await one.getByRole('button', { name: /^Healthy/ }).click()
    for (const page of [one, two, late]) {
      await expect(page.locator('#bar')).toHaveAttribute('data-status', 'connected', { timeout: 20_000 })
      await expect(page.locator('.message', { hasText: 'queued over' })).toHaveCount(1)
    }
    expect([one, two, late].map((page) => loads.get(page))).toEqual([2, 2, 2])
  } finally {
    await demo.close()
  }
})
