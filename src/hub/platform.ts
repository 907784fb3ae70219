import type { Locks } from '../bridge/liveness.ts'
import type { Clock, Log, OpenSocket, Random, Store } from '../core/ports.ts'
import type { HubSettings } from '../core/settings.ts'

/** Everything of the outside a hub uses. One file per host fills it in; the hub itself touches no globals. */
export interface HubPlatform {
  readonly clock: Clock
  readonly random: Random
  readonly locks: Locks
  readonly log: Log
  /** Names this hub's lock, the owner lock and the database. */
  readonly scope: string
  /** Generation in this worker's name. */
  readonly generation: number
  /** Whether all tabs share this hub. */
  readonly shared: boolean
  openSocket(url: string): OpenSocket
  /** The durable store; its `open` throws when the browser gives none. */
  durableStore(settings: HubSettings): Store
  /** The store used then. */
  memoryStore(settings: HubSettings): Store
}
