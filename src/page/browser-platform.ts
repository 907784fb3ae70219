import { currentLocks, renewLocks } from './browser-locks.ts'
import { isVisible, watchPage } from './page-signals.ts'
import type { Platform } from './platform.ts'

/**
 * The browser this runs in. Nothing is touched before it is asked; on a server only `clock`, `newId` and `report` are.
 */
export const browser: Platform = {
  get baseUrl() {
    return document.baseURI
  },
  get isSecure() {
    // An imitated browser may not say.
    return !('isSecureContext' in globalThis) || isSecureContext
  },
  get missing() {
    const hasWorker = typeof SharedWorker === 'function' || typeof Worker === 'function'
    return [
      ...(hasWorker ? [] : ['Worker']),
      ...(['WebSocket', 'MessageChannel'] as const).filter((name) => typeof globalThis[name] !== 'function'),
      ...(globalThis.crypto?.subtle ? [] : ['crypto.subtle']),
    ]
  },
  get origin() {
    return location.origin
  },
  get packagedHub() {
    // Not in one expression: a bundler would copy the file.
    const here = import.meta.url
    return here.startsWith('http') ? new URL('hub.js', here).href : null
  },
  get hasSharedWorker() {
    return typeof SharedWorker === 'function'
  },
  get locks() {
    return currentLocks()
  },
  renewLocks,
  clock: {
    nowMs: () => Date.now(),
    setTimer(delayMs, run) {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
  },
  newId: () => base64url(crypto.getRandomValues(new Uint8Array(16))),
  async hash(text) {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    return base64url(new Uint8Array(digest, 0, 16))
  },
  startHub(name, url) {
    // Always with the same options: browsers refuse a second tab whose options differ.
    if (url !== undefined) return new SharedWorker(url, { type: 'module', name, extendedLifetime: true } as WorkerOptions)
    // Bundlers look for exactly this expression.
    return new SharedWorker(new URL('./hub.js', import.meta.url), { type: 'module', name, extendedLifetime: true } as WorkerOptions)
  },
  startWorker(name, url) {
    if (url !== undefined) return new Worker(url, { type: 'module', name })
    return new Worker(new URL('./hub.js', import.meta.url), { type: 'module', name })
  },
  async loadLocalHubs() {
    const { openLocalHubs } = await import('./page-hub.js')
    return openLocalHubs()
  },
  openBroadcast: (name) => new BroadcastChannel(name),
  isVisible,
  isOnline: () => navigator.onLine,
  get storage() {
    return navigator.storage
  },
  watchPage,
  report: (error) => (typeof reportError === 'function' ? reportError(error) : console.error(error)),
  warn: (line) => console.error(line),
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (sign) => ({ '+': '-', '/': '_' })[sign] ?? '')
}
