import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from '@playwright/test'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import { happened, openPeople, signIn, type People } from './harness/people.ts'
import { eventsOf, expect, hasStatus, sendQueued, test as base } from './harness/test.ts'

const test = base.extend<{ people: People }>({
  people: async ({}, use) => {
    const people = await openPeople()
    await use(people)
    await people.lab.close()
  },
})

test('[SO11] [I5] storage that is cleared while the app runs is told, and the outbox goes on under a new client id', async ({
  context,
  people,
}) => {
  const { lab, heard } = people
  const page = await signIn(await context.newPage(), lab, 'ada-1')
  await hasStatus(page, 'connected')
  await sendQueued(page, 'board', ['before'])
  await expect.poll(() => page.evaluate(() => window.probe.state().pending)).toBe(0)
  await lab.proxy.set({ kind: 'refuse' })
  lab.proxy.cutAll()
  await hasStatus(page, 'waiting')
  await sendQueued(page, 'board', ['waits 1', 'waits 2'])

  const session = await context.newCDPSession(page)
  await session.send('Storage.clearDataForOrigin', { origin: new URL(lab.pageUrl).origin, storageTypes: 'indexeddb' })
  await expect.poll(() => happened(page)).toMatchObject([{ storageLost: { requeued: 2, mayRepeat: [], older: 0 } }])
  expect((await eventsOf(page, 'error')).map(({ code }) => code)).toEqual(['storage-failed'])
  await lab.proxy.set({ kind: 'pass' })
  await expect.poll(() => heard.map(({ data }) => data)).toEqual(['before', 'waits 1', 'waits 2'])
  const [before, ...after] = heard.map(({ client }) => client)
  expect(new Set(after).size).toBe(1)
  expect(after).not.toContain(before)
})

test('[I5] [SO10] storage that is full is told to who sends, loses nothing that was queued, and serves again when there is room', async ({
  people,
}) => {
  const { lab, heard } = people
  // A profile on the disk: what a private one holds in memory is not counted alike.
  const profile = await mkdtemp(join(tmpdir(), 'holdfast-quota-'))
  const context = await chromium.launchPersistentContext(profile, { executablePath: findChromium(), args: CHROMIUM_FLAGS })
  try {
    const page = await context.newPage()
    await page.goto(lab.pageUrl)
    // Before anything is stored: Chromium asks for the room that is left and believes the answer for a while.
    const session = await context.newCDPSession(page)
    const { origin } = new URL(lab.pageUrl)
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_000_000 })
    await signIn(page, lab, 'ada-1')
    await hasStatus(page, 'connected')
    const facts = await page.evaluate(() => window.probe.connection.storage())
    expect(facts).toEqual({ usage: expect.any(Number) as unknown, quota: expect.any(Number) as unknown, persisted: false })
    await lab.proxy.set({ kind: 'refuse' })
    lab.proxy.cutAll()
    await hasStatus(page, 'waiting')

    const queued: string[] = []
    let code = ''
    for (let n = 0; n < 60 && code === ''; n++) {
      // What is counted is what the disk holds: text that compresses well counts little.
      const text = randomBytes(75_000).toString('base64')
      code = await sendOne(page, text)
      if (code === '') queued.push(text)
    }
    expect(code).toBe('storage-full')
    expect(queued.length).toBeGreaterThan(0)
    expect(await page.evaluate(() => window.probe.state().durable)).toBe(true)

    await session.send('Storage.overrideQuotaForOrigin', { origin })
    expect(await sendOne(page, 'there is room')).toBe('')
    await lab.proxy.set({ kind: 'pass' })
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBe(queued.length + 1)
    expect(heard.map(({ data }) => data)).toEqual([...queued, 'there is room'])
  } finally {
    await context.close()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
})

/** Sends a text; gives the code when it is not queued. */
function sendOne(page: Page, text: string): Promise<string> {
  return page.evaluate(
    (data) =>
      window.probe.connection
        .channel('board')
        .send(data)
        .queued.then(
          () => '',
          (error: { code: string }) => error.code,
        ),
    text,
  )
}
