import type { Locks } from '../bridge/liveness.ts'
import type { Clock } from '../core/ports.ts'
import type { Id } from '../protocol/messages.ts'

/** What a tab's end of a new worker must have. */
export type HubWorker = Pick<SharedWorker, 'port' | 'addEventListener'>

/** What happens to a page. */
export type PageEvent = 'visible' | 'hidden' | 'online' | 'offline' | 'suspended' | 'resumed'

/** The browser, as this folder sees it. */
export interface Platform {
  /** What a relative address is relative to. */
  readonly baseUrl: string
  readonly isSecure: boolean
  readonly hasSharedWorker: boolean
  readonly locks: Locks
  readonly clock: Clock
  /** A fresh 128-bit id from a secure source. */
  readonly newId: () => Id
  /** The first 128 bits of the text's SHA-256. */
  hash(text: string): Promise<Id>
  /** Starts or joins the hub of that name, with the script at `url` or the packaged one. */
  startHub(name: string, url?: string | URL): HubWorker
  isVisible(): boolean
  watchPage(listener: (event: PageEvent) => void, signal: AbortSignal): void
  /** Tells an error of the app's own code to the browser's console and error reporting. */
  readonly report: (error: unknown) => void
}
