import { precacheApp, sendOutboxOnSync, type PrecacheEntry } from 'holdfast/sw'

/** Filled in by the build. */
declare const PRECACHE: readonly PrecacheEntry[]

precacheApp(PRECACHE)
sendOutboxOnSync()
