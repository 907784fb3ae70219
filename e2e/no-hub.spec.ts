import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { serveFiles } from './harness/static-files.ts'
import { eventsOf, expect, hasStatus, openProbe, test } from './harness/test.ts'

test('[TB39] a hub script that is gone is a state that names it; the page connects when it is there again', async ({ lab, context }) => {
  let isGone = true
  const server = serveFiles(
    fileURLToPath(new URL('dist', import.meta.url)),
    () => ({ 'cache-control': 'no-store' }),
    ({ url = '' }) => isGone && url.startsWith('/hub.js'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pageUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  try {
    const page = await openProbe(await context.newPage(), { ...lab, pageUrl }, { connect: { hubUrl: './hub.js' } })
    await hasStatus(page, 'refused')
    expect(await page.evaluate(() => window.probe.state())).toMatchObject({ reason: 'hub', script: `${pageUrl}hub.js`, crossOrigin: false })
    expect((await eventsOf(page, 'error')).map(({ code }) => code)).toEqual(['hub-failed'])
    isGone = false
    await page.evaluate(() => window.probe.retryNow())
    await hasStatus(page, 'connected')
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('[TB39] a hub script of another origin is refused at once', async ({ lab, context }) => {
  const page = await openProbe(await context.newPage(), lab, { connect: { hubUrl: 'http://localhost:1/hub.js' } })
  await hasStatus(page, 'refused', 3_000)
  expect(await page.evaluate(() => window.probe.state())).toMatchObject({ reason: 'hub', crossOrigin: true })
})
