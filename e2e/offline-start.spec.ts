import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, expect, test, type BrowserContext, type Page } from '@playwright/test'
import { createFaultProxy, type FaultProxy } from 'holdfast/testing'
import { startDemo } from '../demo/server.mjs'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import { watchServiceWorkers } from './harness/service-worker.ts'

const TEXTS = Array.from({ length: 20 }, (_, at) => `written offline ${String(at + 1).padStart(2, '0')}`)

/** The demo behind one line: page and sockets go through it. */
async function startBehindProxy(): Promise<{ readonly url: string; readonly proxy: FaultProxy; close(): Promise<void> }> {
  const proxy = await createFaultProxy({ target: { host: '127.0.0.1', port: 1 } })
  const url = `http://127.0.0.1:${proxy.port}/`
  const demo = await startDemo({ origins: [url.slice(0, -1)] })
  proxy.target = { host: '127.0.0.1', port: Number(new URL(demo.url).port) }
  return {
    url,
    proxy,
    async close() {
      await proxy.close()
      await demo.close()
    },
  }
}

/** Starts a browser, cold, on what an earlier one left. */
function startBrowser(profile: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, { executablePath: findChromium(), args: CHROMIUM_FLAGS })
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

/** Texts of the conversation that were written offline, as they are shown. */
function shown(page: Page): Promise<string[]> {
  return page
    .locator('.message', { hasText: 'written offline' })
    .evaluateAll((nodes) => nodes.map((node) => /written offline \d+/.exec(node.textContent)?.[0] ?? ''))
}

/** What the hub's cache on disk holds: channels with a value. */
function cachedChannels(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const [database] = (await indexedDB.databases()).filter(({ name }) => name?.startsWith('holdfast:'))
    return new Promise<number>((resolve, reject) => {
      const opening = indexedDB.open(database?.name ?? '')
      opening.addEventListener('error', () => reject(opening.error ?? new Error('not opened')))
      opening.addEventListener('success', () => {
        const counting = opening.result.transaction('snapshots').objectStore('snapshots').count()
        counting.addEventListener('success', () => {
          opening.result.close()
          resolve(counting.result)
        })
      })
    })
  })
}

test('[SW1] [SW5] [SW8] the demo starts with no network, shows its last data, takes 20 messages; with the browser closed and no tab open one sync delivers them once', async ({
  browser,
}) => {
  test.setTimeout(120_000)
  const demo = await startBehindProxy()
  const profile = await mkdtemp(join(tmpdir(), 'holdfast-'))
  try {
    const first = await startBrowser(profile)
    const online = await first.newPage()
    await online.goto(demo.url)
    await expect(online.getByRole('status').first()).toContainText('Connected')
    await say(online, 'while the network was there')
    await expect(online.locator('.message', { hasText: 'while the network' })).toHaveAttribute('data-fate', 'applied')
    await online.evaluate(() => navigator.serviceWorker.ready)
    await expect.poll(() => cachedChannels(online), { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
    await first.close()

    await demo.proxy.set({ kind: 'refuse' })
    demo.proxy.cutAll()
    const second = await startBrowser(profile)
    const offline = await second.newPage()
    const troubles: string[] = []
    offline.on('pageerror', (error) => troubles.push(error.message))
    await offline.goto(`${demo.url}elsewhere?of=the-app`)
    await expect(offline.locator('#agents-note')).toContainText('As of')
    await expect(offline.locator('#agents li:not(.skeleton)')).not.toHaveCount(0)
    for (const text of TEXTS) await say(offline, text)
    await expect(offline.locator('.message[data-fate=queued]')).toHaveCount(20)
    const tags = (): Promise<string[]> =>
      offline.evaluate(async () => {
        const { sync } = (await navigator.serviceWorker.ready) as unknown as { sync: { getTags(): Promise<string[]> } }
        return sync.getTags()
      })
    await expect.poll(tags).toEqual([expect.stringMatching(/^holdfast:[\w-]{22}$/)])
    const [tag = ''] = await tags()
    expect(troubles).toEqual([])
    await second.close()

    await demo.proxy.set({ kind: 'pass' })
    const third = await startBrowser(profile)
    const workers = await watchServiceWorkers(third)
    const elsewhere = await (await browser.newContext()).newPage()
    await elsewhere.goto(demo.url)
    await workers.sync(new URL(demo.url).origin, tag)
    await expect.poll(() => shown(elsewhere), { timeout: 20_000 }).toEqual(TEXTS)

    const again = await third.newPage()
    await again.goto(demo.url)
    await expect(again.getByRole('status').first()).toContainText('Connected')
    await expect(again.locator('#facts')).toContainText('0 pending')
    await expect.poll(() => shown(again)).toEqual(TEXTS)
    await expect.poll(() => shown(elsewhere)).toEqual(TEXTS)
    await elsewhere.context().close()
    await third.close()
  } finally {
    await demo.close()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
})
