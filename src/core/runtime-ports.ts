import type { Told } from './events.ts'
import type { AppNotice } from './notices.ts'
import type { Log, OpenSocket, Random, SteadyClock, Store, StoredState } from './ports.ts'
import type { HubSettings } from './settings.ts'
import type { Inheritance } from './state.ts'

/** What the machine's host is told, beyond what the machine itself says. */
export type Notice =
  | Told
  /** What the app must be told from now on. */
  | { readonly type: 'notices'; readonly notices: readonly AppNotice[] }
  /** The state, or what the outbox holds, may be another now. */
  | { readonly type: 'changed' }

/** What hosts the machine: everything it cannot do itself. */
export interface RuntimePorts {
  readonly settings: HubSettings
  readonly clock: SteadyClock
  readonly random: Random
  readonly openSocket: OpenSocket
  readonly store: Store
  /** What the store said when it was opened. */
  readonly stored: StoredState
  /** The outbox token, for a machine that only sends (SPEC.md, OB27). It ends by itself, in the phase `ended`. */
  readonly sendOnly?: string
  /** The tries and failures of the machine before this one on the same hub: they count. */
  readonly earlier?: Inheritance | null
  /** Asks the tabs; throws when none can answer. `null` when the app has no credential to give. */
  readonly askCredential: () => Promise<string | null>
  readonly notify: (notice: Notice) => void
  readonly log: Log
}
