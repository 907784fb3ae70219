import type { BridgePort } from '../bridge/bridge-port.ts'
import type { OpenBroadcast } from '../bridge/broadcast-port.ts'
import type { Locks } from '../bridge/liveness.ts'
import type { LocalHubs } from '../bridge/local-hubs.ts'
import type { Clock } from '../core/ports.ts'
import type { Id } from '../protocol/messages.ts'

/** A tab's end of a hub's worker: a `SharedWorker`, or what stands in for it. */
export interface HubWorker {
  readonly port: BridgePort
  /** Told that the worker failed, with what the browser says of it. */
  addEventListener(type: 'error', listener: (event: unknown) => void): void
  /** Only where the hub runs in one of the tabs: whether that is this one. */
  readonly isHere?: () => boolean
}

/** What is used of a worker that only this tab has. */
export type ElectedWorker = Pick<Worker, 'addEventListener' | 'terminate'>

/**
 * What happens to a page. `suspended`: it will stop to run, and code of the app may still come; `frozen`: after this
 * nothing of it runs until `resumed`, which is also said when locks it held are gone, untold.
 */
export type PageEvent = 'visible' | 'hidden' | 'online' | 'offline' | 'suspended' | 'frozen' | 'resumed'

/** The browser, as this folder sees it. */
export interface Platform {
  /** What a relative address is relative to. */
  readonly baseUrl: string
  readonly isSecure: boolean
  /** What is not there and nothing works without, as in the imitated browsers that component tests run in. */
  readonly missing: readonly string[]
  /** The origin of this page. */
  readonly origin: string
  /** Address of the packaged hub, as far as a page can know it; `null` where it cannot. */
  readonly packagedHub: string | null
  readonly hasSharedWorker: boolean
  /** The lock table that this page looks in. A browser that has none, or refuses it, is found out by its use. */
  readonly locks: Locks
  /**
   * Has `locks` be that of pages that load now, if it is another one: the lock of that name, which this page holds, is
   * not seen there. Whether it is another one.
   */
  renewLocks(held: string): Promise<boolean>
  readonly clock: Clock
  /** A fresh 128-bit id from a secure source. */
  readonly newId: () => Id
  /** The first 128 bits of the text's SHA-256. */
  hash(text: string): Promise<Id>
  /** Starts or joins the hub of that name in a SharedWorker, with the script at `url` or the packaged one. */
  startHub(name: string, url?: string | URL): HubWorker
  /** Starts the hub of that name in a worker of this tab, with the same script. */
  startWorker(name: string, url?: string | URL): ElectedWorker
  /** Loads what it takes to have a hub in this page, for one connection. */
  loadLocalHubs(): Promise<LocalHubs>
  readonly openBroadcast: OpenBroadcast
  isVisible(): boolean
  /** The browser's word, which is a hint: what it says of a network need not be so. */
  isOnline(): boolean
  /** `undefined` where the browser has none. */
  readonly storage: Pick<StorageManager, 'estimate' | 'persist' | 'persisted'> | undefined
  watchPage(listener: (event: PageEvent) => void, signal: AbortSignal): void
  /** Tells an error of the app's own code to the browser's console and error reporting. */
  readonly report: (error: unknown) => void
  /** Writes a line that a developer must see to the page's console. */
  readonly warn: (line: string) => void
}
