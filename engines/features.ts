/** What a browser has of the platform that the product uses. Runs in a page: nothing of this file is in reach. */
export function readFeatures(): Record<string, boolean> {
  const registers = 'serviceWorker' in navigator && typeof ServiceWorkerRegistration === 'function'
  return {
    SharedWorker: typeof SharedWorker === 'function',
    'Web Locks': 'locks' in navigator,
    BroadcastChannel: typeof BroadcastChannel === 'function',
    IndexedDB: 'indexedDB' in globalThis,
    'service worker': registers,
    'Background Sync': registers && 'sync' in ServiceWorkerRegistration.prototype,
    'navigator.storage.persist': 'storage' in navigator && typeof navigator.storage.persist === 'function',
    'freeze and resume events': 'onfreeze' in document,
  }
}
