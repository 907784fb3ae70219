import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBrowserProcess } from './harness/browser-process.ts'
import { expect, hasStatus, openProbe, sendQueued, showsAll, test, texts } from './harness/test.ts'

test('[I6] kill -9 of the whole browser with a thousand queued messages: the same profile applies all of them once', async ({ lab }) => {
  test.setTimeout(90_000)
  const profile = await mkdtemp(join(tmpdir(), 'holdfast-'))
  const first = await startBrowserProcess(profile)
  const page = await openProbe(await (first.browser.contexts()[0] ?? (await first.browser.newContext())).newPage(), lab)
  await hasStatus(page, 'connected')
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(page, 'waiting')
  await sendQueued(page, 'board', texts('queued', 1_000))
  await first.kill()
  expect(lab.applied).toEqual([])

  await lab.proxy.set({ kind: 'pass' })
  const second = await startBrowserProcess(profile)
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
