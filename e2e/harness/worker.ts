import type { Browser, BrowserContext } from '@playwright/test'

/** Ends every SharedWorker of the browser as a crash would; the tabs live on. Gives how many there were. */
export async function killSharedWorkers(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession()
  const { targetInfos } = await session.send('Target.getTargets')
  const workers = targetInfos.filter(({ type }) => type === 'shared_worker')
  for (const { targetId } of workers) await session.send('Target.closeTarget', { targetId })
  await session.detach()
  return workers.length
}

/** Ends every hub, wherever it runs, without a word to the tabs, which live on. Gives how many there were. */
export async function killHubs(browser: Browser, context: BrowserContext): Promise<number> {
  const own = context.pages().flatMap((page) => page.workers())
  for (const worker of own) await worker.evaluate(() => self.close()).catch(() => {})
  return own.length + (await killSharedWorkers(browser))
}
