import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser } from '@playwright/test'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import { expect, hasStatus, openProbe, sendQueued, showsAll, test, texts } from './harness/test.ts'

/** A whole browser of its own, in a process group that can be killed at once. */
async function startBrowser(profile: string): Promise<{ readonly browser: Browser; kill(): Promise<void> }> {
  const child: ChildProcess = spawn(
    findChromium(),
    [...CHROMIUM_FLAGS, '--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const endpoint = await new Promise<string>((resolve, reject) => {
    let printed = ''
    child.once('exit', () => reject(new Error(`the browser ended: ${printed}`)))
    child.stderr?.on('data', (chunk: Buffer) => {
      printed += String(chunk)
      const match = /DevTools listening on (ws:\S+)/.exec(printed)
      if (match?.[1]) resolve(match[1])
    })
  })
  const browser = await chromium.connectOverCDP(endpoint)
  return {
    browser,
    async kill() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      await exited
      await browser.close().catch(() => {})
    },
  }
}

test('[I6] kill -9 of the whole browser with a thousand queued messages: the same profile applies all of them once', async ({ lab }) => {
  test.setTimeout(90_000)
  const profile = await mkdtemp(join(tmpdir(), 'holdfast-'))
  const first = await startBrowser(profile)
  const page = await openProbe(await (first.browser.contexts()[0] ?? (await first.browser.newContext())).newPage(), lab)
  await hasStatus(page, 'connected')
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(page, 'waiting')
  await sendQueued(page, 'board', texts('queued', 1_000))
  await first.kill()
  expect(lab.applied).toEqual([])

  await lab.proxy.set({ kind: 'pass' })
  const second = await startBrowser(profile)
  try {
    const context = second.browser.contexts()[0]
    if (!context) throw new Error('no context')
    const again = await openProbe(await context.newPage(), lab)
    await expect.poll(() => lab.applied.length, { timeout: 20_000 }).toBe(1_000)
    expect(lab.applied.map(({ data }) => data)).toEqual(texts('queued', 1_000))
    expect(lab.applied.some(({ mayRepeat }) => mayRepeat)).toBe(false)
    await hasStatus(again, 'connected')
    await showsAll([again], lab)
    await expect.poll(() => again.evaluate(() => window.probe.state().pending)).toBe(0)
  } finally {
    await second.kill()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
})
