// The demo's service worker: the files of the app, and the outbox when no tab is open.
import { precacheApp, sendOutboxOnSync, type PrecacheEntry } from 'holdfast/sw'

/** Filled in by the build. */
declare const PRECACHE: readonly PrecacheEntry[]

precacheApp(PRECACHE, { notPages: [/^\/(control|live)\b/] })
sendOutboxOnSync()
