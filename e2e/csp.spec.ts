import type { Page } from '@playwright/test'
import type { Start } from './app/strict.ts'
import { serveStrictly, type Policies, type StrictPages } from './harness/strict-pages.ts'
import { expect, test } from './harness/test.ts'

const TRUSTED_TYPES = "require-trusted-types-for 'script'"

/** What a page may do: its own scripts, workers of its own origin, and no connection of its own. */
const PAGE = "default-src 'none'; script-src 'self'; worker-src 'self'; img-src data:"

/** What a hub may do: connect to the live server. */
const hubOf = (liveUrl: string): string =>
  `default-src 'none'; connect-src ws://${new URL(liveUrl).host}; ${TRUSTED_TYPES}; trusted-types 'none'`

interface Way {
  readonly title: string
  readonly start: Start
  /** Name of the app's Trusted Types policy; without one it uses none, and none are asked for. */
  readonly policy?: string
  readonly state: string
}

const WAYS: readonly Way[] = [
  { title: 'with the packaged hub, where no Trusted Types are asked for', start: 'packaged', state: 'connected shared durable' },
  { title: 'with the packaged hub and a default policy', start: 'packaged', policy: 'default', state: 'connected shared durable' },
  { title: 'with hubUrl and a default policy', start: 'hubUrl', policy: 'default', state: 'connected shared durable' },
  { title: 'with a hub of its own and a policy of its own', start: 'own', policy: 'app', state: 'connected shared durable' },
  {
    title: 'with a hub of its own in a tab and a policy of its own',
    start: 'own elected',
    policy: 'app',
    state: 'connected elected durable',
  },
]

const policiesOf = (liveUrl: string, policy?: string): Policies => ({
  page: policy ? `${PAGE}; ${TRUSTED_TYPES}; trusted-types ${policy}` : PAGE,
  hub: hubOf(liveUrl),
})

async function openApp(page: Page, pages: StrictPages, query: Record<string, string>): Promise<void> {
  await page.goto(`${pages.url}strict.html?${new URLSearchParams(query).toString()}`)
}

/** Holds that nothing was reported: the page breaks its policy at last, and by then everything before it has been told. */
async function brokeNothing(page: Page, pages: StrictPages): Promise<void> {
  await page.getByRole('button', { name: 'forbidden' }).click()
  await expect.poll(() => pages.violations).toEqual([{ directive: 'connect-src', blocked: `${pages.url}forbidden`, of: '/strict.html' }])
}

for (const { title, start, policy, state } of WAYS)
  test(`(SEC18) an app breaks no strict policy ${title}`, async ({ lab, context }) => {
    const pages = await serveStrictly(policiesOf(lab.liveUrl, policy))
    try {
      const page = await context.newPage()
      await openApp(page, pages, { url: lab.liveUrl, start, ...(policy ? { policy } : {}) })
      await expect(page.locator('#state')).toHaveText(state)
      await page.getByRole('button', { name: 'send' }).click()
      await expect(page.locator('#board li')).toHaveText(['under a policy'])
      expect(lab.database.get('board')).toEqual(['under a policy'])
      await brokeNothing(page, pages)
    } finally {
      pages.close()
    }
  })

for (const start of ['own', 'own elected'] as const)
  test(`(SEC18) what a hub does against its policy is reported (${start})`, async ({ lab, context }) => {
    const pages = await serveStrictly(policiesOf(lab.liveUrl), "try { eval('1') } catch {}")
    try {
      await openApp(await context.newPage(), pages, { url: lab.liveUrl, start })
      await expect
        .poll(() => pages.violations.map(({ directive, of }) => [directive, of]))
        .toEqual([['require-trusted-types-for', '/hub.js']])
    } finally {
      pages.close()
    }
  })

test("(SEC18) the hub connects only where its script's own response allows", async ({ lab, context }) => {
  const pages = await serveStrictly({ page: PAGE, hub: "default-src 'none'" })
  try {
    const page = await context.newPage()
    await openApp(page, pages, { url: lab.liveUrl, start: 'packaged', delayMs: '30000' })
    await expect
      .poll(() => pages.violations.map(({ directive, blocked }) => [directive, blocked]))
      .toContainEqual(['connect-src', lab.liveUrl])
    // Chromium tells a worker nothing of a socket that its policy forbids: the try ends after ten seconds.
    await expect(page.locator('#state')).toContainText('waiting', { timeout: 20_000 })
    expect(lab.live.metrics().totals['accepted']).toBeUndefined()
  } finally {
    pages.close()
  }
})

test('(SEC18) a hub that Trusted Types forbid is told, not waited for in silence', async ({ lab, context }) => {
  const pages = await serveStrictly(policiesOf(lab.liveUrl, 'app'))
  try {
    const page = await context.newPage()
    await openApp(page, pages, { url: lab.liveUrl, start: 'packaged', policy: 'app' })
    await expect(page.locator('#state')).toContainText('hub-failed')
  } finally {
    pages.close()
  }
})

test('(SEC18) a service worker is registered with an address from a policy of the app', async ({ lab, context }) => {
  const pages = await serveStrictly({
    ...policiesOf(lab.liveUrl, 'app'),
    serviceWorker: `default-src 'none'; connect-src 'self'; ${TRUSTED_TYPES}`,
  })
  try {
    const page = await context.newPage()
    await openApp(page, pages, { url: lab.liveUrl, start: 'own', policy: 'app', worker: '' })
    await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller?.state)).toBe('activated')
    await expect(page.locator('#state')).toHaveText('connected shared durable')
    await brokeNothing(page, pages)
  } finally {
    pages.close()
  }
})
