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

/** The addresses of the scripts of all hubs, wherever they run. */
export async function hubsOf(browser: Browser, context: BrowserContext): Promise<string[]> {
  const session = await browser.newBrowserCDPSession()
  const { targetInfos } = await session.send('Target.getTargets')
  await session.detach()
  const shared = targetInfos.filter(({ type }) => type === 'shared_worker')
  return [...shared, ...context.pages().flatMap((page) => page.workers().map((worker) => ({ url: worker.url() })))].map(({ url }) => url)
}

/** Makes the hub whose address contains `part` run for ever, wherever it runs: it is alive and hears nothing. */
export async function wedgeHub(browser: Browser, context: BrowserContext, part: string): Promise<void> {
  const own = context
    .pages()
    .flatMap((page) => page.workers())
    .find((worker) => worker.url().includes(part))
  const expression = 'setTimeout(() => { for (;;); })'
  if (own) {
    await own.evaluate(expression)
    return
  }
  const session = await browser.newBrowserCDPSession()
  const { targetInfos } = await session.send('Target.getTargets')
  const worker = targetInfos.find(({ type, url }) => type === 'shared_worker' && url.includes(part))
  if (!worker) throw new Error(`no worker of ${part}`)
  const { sessionId } = await session.send('Target.attachToTarget', { targetId: worker.targetId, flatten: false })
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } })
  const answered = new Promise((resolve) => session.once('Target.receivedMessageFromTarget', resolve))
  await session.send('Target.sendMessageToTarget', { sessionId, message })
  await answered
  await session.detach()
}
