import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Page } from '@playwright/test'
import { serveFiles } from './harness/static-files.ts'
import { eventsOf, expect, hasStatus, QUICK, sendQueued, showsAll, test } from './harness/test.ts'

/** The part of the browser's Trusted Types that an app needs here. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}

/** What the page may do: its own scripts, a worker of its own origin, no connection of its own, and script addresses by the app's policy alone. */
const PAGE =
  "default-src 'none'; script-src 'self'; worker-src 'self'; img-src data:; require-trusted-types-for 'script'; trusted-types app"

interface StrictPages {
  readonly url: string
  /** What the hub's script may connect to. */
  connectSrc: string
  close(): void
}

async function servePages(connectSrc: string): Promise<StrictPages> {
  const server = serveFiles(fileURLToPath(new URL('dist', import.meta.url)), (path) => ({
    'cache-control': 'no-store',
    'content-security-policy': path.includes('hub')
      ? `default-src 'none'; connect-src ${pages.connectSrc}; require-trusted-types-for 'script'`
      : PAGE,
  }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pages: StrictPages = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connectSrc,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return pages
}

/** Connects as an app with a policy of its own does, and gives what the browser complains about. */
async function connectWithPolicy(page: Page, pageUrl: string, liveUrl: string, delays: object = QUICK): Promise<string[]> {
  const problems: string[] = []
  page.on('console', (line) => void (line.type() === 'error' && problems.push(line.text())))
  page.on('pageerror', (error) => void problems.push(String(error)))
  await page.goto(pageUrl)
  await page.evaluate(
    ([url, reconnect]) => {
      const { trustedTypes } = globalThis as unknown as { trustedTypes: TrustedTypes }
      const policy = trustedTypes.createPolicy('app', { createScriptURL: (address) => address })
      const options = { type: 'module', extendedLifetime: true } as const
      window.probe.open({ url, reconnect, hub: ({ name }) => new SharedWorker(policy.createScriptURL('/hub.js'), { ...options, name }) })
      window.probe.subscribe('board')
    },
    [liveUrl, delays] as const,
  )
  return problems
}

test('(SEC18) the app works under a strict content security policy with Trusted Types', async ({ lab, context }) => {
  const pages = await servePages(`ws://${new URL(lab.liveUrl).host}`)
  try {
    const page = await context.newPage()
    const problems = await connectWithPolicy(page, pages.url, lab.liveUrl)
    await hasStatus(page, 'connected')
    await sendQueued(page, 'board', ['under a policy'])
    await showsAll([page], lab)
    expect(lab.database.get('board')).toEqual(['under a policy'])
    expect(problems).toEqual([])
  } finally {
    pages.close()
  }
})

test("(SEC18) the hub connects only where its script's own response allows", async ({ lab, context }) => {
  const pages = await servePages("'none'")
  try {
    const page = await context.newPage()
    await connectWithPolicy(page, pages.url, lab.liveUrl, { baseDelayMs: 30_000, maxDelayMs: 30_000, jitter: 0 })
    // Chromium tells a worker nothing of a socket that its policy forbids: the try ends after ten seconds.
    await hasStatus(page, 'waiting', 20_000)
    expect(lab.live.metrics().totals['accepted']).toBeUndefined()
  } finally {
    pages.close()
  }
})

test('(SEC18) a hub that Trusted Types forbid is told, not waited for in silence', async ({ lab, context }) => {
  const pages = await servePages(`ws://${new URL(lab.liveUrl).host}`)
  try {
    const page = await context.newPage()
    await page.goto(pages.url)
    await page.evaluate((url) => window.probe.open({ url }), lab.liveUrl)
    await expect.poll(async () => (await eventsOf(page, 'error')).map(({ code }) => code)).toContain('hub-failed')
  } finally {
    pages.close()
  }
})
