import type { BrowserContext, CDPSession, Page } from '@playwright/test'

/** The service workers of a browser, driven from a blank tab: no tab of the app needs to be open. */
export interface ServiceWorkers {
  /** Dispatches one `sync` event, as the browser does when the network is back. */
  sync(origin: string, tag: string): Promise<void>
  /** Uncaught errors that the browser reported of them. */
  readonly errors: readonly string[]
  /** Ends every service worker that runs, as the browser does when it has no memory or no patience left. */
  stop(): Promise<void>
  close(): Promise<void>
}

/** Opens the blank tab. */
export async function watchServiceWorkers(context: BrowserContext): Promise<ServiceWorkers> {
  const page: Page = await context.newPage()
  const session: CDPSession = await context.newCDPSession(page)
  const registrations = new Map<string, string>()
  let tell = (): void => {}
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: updated }) => {
    for (const { scopeURL, registrationId, isDeleted } of updated)
      if (!isDeleted) registrations.set(new URL(scopeURL).origin, registrationId)
    tell()
  })
  const errors: string[] = []
  session.on('ServiceWorker.workerErrorReported', ({ errorMessage }) => errors.push(errorMessage.errorMessage))
  await session.send('ServiceWorker.enable')
  return {
    errors,
    async sync(origin, tag) {
      while (!registrations.has(origin)) await new Promise<void>((resolve) => (tell = resolve))
      await session.send('ServiceWorker.dispatchSyncEvent', {
        origin,
        registrationId: registrations.get(origin) ?? '',
        tag,
        lastChance: false,
      })
    },
    stop: async () => void (await session.send('ServiceWorker.stopAllWorkers')),
    close: () => page.close(),
  }
}
