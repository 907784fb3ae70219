/**
 * Parts of an app's service worker: starting without a network, and sending what is left in the outbox when no tab is open.
 *
 * @packageDocumentation
 */
export { precacheApp, type PrecacheEntry, type PrecacheOptions } from './precache-app.ts'
export { sendOutboxOnSync, type SendOutboxOptions } from './send-outbox-on-sync.ts'
