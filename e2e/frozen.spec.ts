import { launch, type Browser, type Page } from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium } from '../scripts/find-chromium.mjs'
import { freezeWhileSending } from './harness/frozen-tab.ts'
import { expect, test as base } from './harness/test.ts'

const test = base.extend<{ chromium: Browser }>({
  chromium: async ({}, use) => {
    const chromium = await launch({ executablePath: findChromium(), args: CHROMIUM_FLAGS, headless: true })
    await use(chromium)
    await chromium.close()
  },
})

/** Ends the hub as a crash would, with a storage that has forgotten whatever had ended. */
async function forgetAndCrash(chromium: Browser, page: Page): Promise<void> {
  await expect.poll(() => page.evaluate(forget)).toBe(true)
  const session = await chromium.target().createCDPSession()
  const { targetInfos } = await session.send('Target.getTargets')
  for (const { type, targetId } of targetInfos) if (type === 'shared_worker') await session.send('Target.closeTarget', { targetId })
  await session.detach()
}

/** Runs in a page. Gives whether there was something to forget: it is stored a little after the server has confirmed it. */
async function forget(): Promise<boolean> {
  const result = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.addEventListener('success', () => resolve(request.result))
      request.addEventListener('error', () => reject(new Error(String(request.error))))
    })
  const databases = await indexedDB.databases()
  const database = await result(indexedDB.open(databases.find(({ name }) => name?.startsWith('holdfast:'))?.name ?? ''))
  const tx = database.transaction(['run', 'fates', 'ended'], 'readwrite')
  const [run, fates] = [tx.objectStore('run'), tx.objectStore('fates')]
  const count = await result(fates.count())
  const row = (await result(run.get('run'))) as { readonly taken: number }
  const stored = [
    result(run.put({ ...row, forgottenThrough: row.taken }, 'run')),
    result(fates.clear()),
    result(tx.objectStore('ended').clear()),
  ]
  await Promise.all(stored)
  database.close()
  return count > 0
}

test('[I37] a message that a page sent while it was being frozen is applied once, and its end is known when the page runs again', async ({
  lab,
  chromium,
}) => {
  const frozen = await freezeWhileSending(chromium, lab, 'pay 10')
  expect(await frozen.thaw()).toEqual({ fate: 'applied', code: null })
  expect(lab.applied).toHaveLength(1)
})

test('[I37] [ST16] a message that a page sent while it was being frozen, and whose end is forgotten, may repeat: it is not sent again', async ({
  lab,
  chromium,
}) => {
  const frozen = await freezeWhileSending(chromium, lab, 'pay 10')
  await forgetAndCrash(chromium, frozen.other)
  await expect.poll(() => lab.live.metrics().sockets, { timeout: 20_000 }).toBe(1)
  expect(await frozen.thaw()).toEqual({ fate: 'unknown', code: 'may-repeat' })
  expect(lab.applied).toHaveLength(1)
})
