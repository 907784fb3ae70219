import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Frame, Page } from '@playwright/test'
import { serveFiles } from './harness/static-files.ts'
import { expect, QUICK, test } from './harness/test.ts'

/** Puts the probe page into a frame without an origin: browsers give it neither locks, nor storage, nor workers. */
async function openSandbox(page: Page, url: string): Promise<Frame> {
  await page.goto(url)
  await page.evaluate((src) => {
    const frame = Object.assign(document.createElement('iframe'), { src, name: 'sandboxed' })
    frame.sandbox.add('allow-scripts')
    document.body.append(frame)
  }, url)
  await expect.poll(() => page.frame('sandboxed')?.evaluate(() => 'probe' in window)).toBe(true)
  const frame = page.frame('sandboxed')
  if (!frame) throw new Error('no frame')
  return frame
}

test('[TB40] a sandboxed frame, which the browser refuses locks and storage, has a hub of its own, and the state says so', async ({
  lab,
  context,
}) => {
  // Without an origin even the app's own scripts are asked for from elsewhere.
  const server = serveFiles(fileURLToPath(new URL('dist', import.meta.url)), () => ({ 'access-control-allow-origin': '*' }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const page = await context.newPage()
    const frame = await openSandbox(page, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await frame.evaluate(
      ([url, reconnect]) => {
        window.probe.open({ url, reconnect })
        window.probe.subscribe('board')
        window.probe.send('board', 'alone')
      },
      [lab.liveUrl, QUICK] as const,
    )
    await expect
      .poll(() => frame.evaluate(() => window.probe.state()))
      .toMatchObject({ status: 'connected', durable: false, shared: false })
    await expect.poll(() => frame.evaluate(() => Object.values(window.probe.fates()))).toEqual(['applied'])
    await lab.publish('board', 'published')
    lab.proxy.cutAll()
    await lab.publish('board', 'missed')
    await expect.poll(() => frame.evaluate(() => window.probe.views['board'])).toEqual(['alone', 'published', 'missed'])
    expect(await frame.evaluate(() => window.probe.events.filter(({ type }) => type === 'error'))).toEqual([])
    await frame.evaluate(() => window.probe.close())
    await expect.poll(() => lab.live.metrics().sockets).toBe(0)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
