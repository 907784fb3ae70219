import { isVisible, watchPage } from './page-signals.ts'
import type { Platform } from './platform.ts'

const everywhere: Pick<Platform, 'clock' | 'newId'> = {
  clock: {
    nowMs: () => Date.now(),
    setTimer(delayMs, run) {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
  },
  newId: () => base64url(crypto.getRandomValues(new Uint8Array(16))),
}

/** What is left of a platform on a server that renders pages. */
export const outsideBrowser: Pick<Platform, 'clock' | 'newId' | 'report' | 'isVisible'> = {
  ...everywhere,
  report: (error) => console.error(error),
  isVisible: () => false,
}

/** The browser this runs in. Made when `connect` is called, so that importing the package touches nothing. */
export function browserPlatform(): Platform {
  return {
    ...everywhere,
    baseUrl: document.baseURI,
    isSecure: isSecureContext,
    hasSharedWorker: typeof SharedWorker === 'function',
    locks: navigator.locks,
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
    isVisible,
    watchPage,
    report: (error) => reportError(error),
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
