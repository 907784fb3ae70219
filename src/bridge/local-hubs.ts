import type { BridgePort } from './bridge-port.ts'
import type { Locks } from './liveness.ts'

/** A hub that runs in the page itself, and serves that page alone. */
export interface LocalHub {
  connect(port: BridgePort): void
  /** Ends socket and timers. What was queued is gone: it was in memory. */
  end(): void
}

/** What hubs in the page run on, where the browser refuses it locks and storage. */
export interface LocalHubs {
  /** The lock table of this page and its hub. */
  readonly locks: Locks
  /** Starts the hub of that name. */
  start(name: string): LocalHub
}

/** Makes it for one connection. */
export type OpenLocalHubs = () => LocalHubs
