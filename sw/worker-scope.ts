/** An event that a service worker may take its time over. */
export interface LastingEvent {
  waitUntil(done: Promise<unknown>): void
}

/** A `sync` event, which TypeScript does not know. */
export interface SyncEvent extends LastingEvent {
  readonly tag: string
  /** The browser dispatches no other one when this one fails. */
  readonly lastChance: boolean
}

/** The part of a service worker's global scope that is used. Stated here, so that an app may check its service worker with the types of a page. */
export interface WorkerScope {
  skipWaiting(): Promise<void>
  readonly clients: { claim(): Promise<void> }
  addEventListener(type: 'sync', listener: (event: SyncEvent) => void): void
  addEventListener(type: 'unhandledrejection', listener: (event: { readonly reason: unknown; preventDefault(): void }) => void): void
  addEventListener(type: 'message', listener: (event: LastingEvent & { readonly data: unknown }) => void): void
}
