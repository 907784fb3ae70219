import { clientsClaim } from 'workbox-core'
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import { CLAIM } from './worker-words.ts'
import type { WorkerScope } from './worker-scope.ts'

declare const self: WorkerScope

/** A file of the app: as `workbox-build` and its kin list it, or an address whose name changes with its content. */
export type PrecacheEntry = string | { readonly url: string; readonly revision: string | null }

/** What {@link precacheApp} can be told. */
export interface PrecacheOptions {
  /** The app's page, as the manifest names it: what every navigation gets. @defaultValue 'index.html' */
  readonly page?: string
  /** Paths that are not the app's pages: a navigation to them goes to the network. */
  readonly notPages?: readonly RegExp[]
}

/**
 * Keeps the app's files, so that it starts without a network. The hub's script must be among them: a worker's script is asked for like any other file.
 * To be called once, while the service worker's script runs for the first time. A new version waits until a page accepts it (`holdfast/sw/register`).
 */
export function precacheApp(manifest: readonly PrecacheEntry[], { page = 'index.html', notPages = [] }: PrecacheOptions = {}): void {
  precacheAndRoute([...manifest])
  cleanupOutdatedCaches()
  registerRoute(new NavigationRoute(createHandlerBoundToURL(page), { denylist: [...notPages] }))
  // So that no tab is left out when an update is accepted: the first tab of an app would otherwise belong to no service worker until it is reloaded.
  clientsClaim()
  self.addEventListener('message', (event) => {
    if ((event.data as { readonly type?: unknown } | null)?.type === 'SKIP_WAITING') event.waitUntil(self.skipWaiting())
    if (event.data === CLAIM) event.waitUntil(self.clients.claim())
  })
}
