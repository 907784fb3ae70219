import type { Locks } from '../bridge/liveness.ts'
import type { LiveHub } from '../bridge/lock-names.ts'
import type { Log, OpenSocket, Random, SteadyClock, Store } from '../core/ports.ts'
import type { HubSettings } from '../core/settings.ts'
import type { Id } from '../protocol/messages.ts'

/** How a hub makes itself known to the others. */
export interface OtherHubs {
  /** Tells them. */
  tell(mark: HubMark): void
  /** Hears what they tell, for as long as this worker lives. */
  listen(listener: (mark: HubMark) => void): void
}

/** The place of a hub among the others, and those whose locks it sees. */
export interface HubMark extends Pick<LiveHub, 'epoch' | 'instance'> {
  readonly sees: readonly Id[]
}

/** Everything of the outside a hub uses. One file per host fills it in; the hub itself touches no globals. */
export interface HubPlatform {
  readonly clock: SteadyClock
  readonly random: Random
  readonly locks: Locks
  readonly log: Log
  /** Names this hub's lock, the owner lock and the database. */
  readonly scope: string
  /** Generation in this worker's name. */
  readonly generation: number
  /** The app's word for its build in this worker's name, or empty. */
  readonly build: string
  /** Address of this worker's script. */
  readonly url: string
  /** The other hubs of the scope, of whatever build. */
  readonly hubs: OtherHubs
  /** Whether all tabs share this hub. */
  readonly shared: boolean
  openSocket(url: string): OpenSocket
  /** The durable store; its `open` throws when the browser gives none. */
  durableStore(settings: HubSettings): Store
  /** The store used then. */
  memoryStore(settings: HubSettings): Store
}
