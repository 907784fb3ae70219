import type { Gate } from './gate.ts'
import { holderOf, type Holder } from './holder.ts'
import type { Settings } from './options.ts'
import { Turns } from './turns.ts'
import { AllPlaces } from './places.ts'
import type { UpgradeRequest } from './ports.ts'
import { WaitingBytes } from './waiting-bytes.ts'
import type { Hello } from '../protocol/index.ts'

/** All channels may be left for others so often, before values wait. */
const BURST_OF_SCREENS = 4
/** How many connections' pace all anonymous ones together have. */
const ANONYMOUS_TIMES = 10

/** What the connections of a server share, apart from what its engine keeps. */
export class Budgets {
  /** What sockets bring before anybody knows whose they are. */
  readonly waiting: WaitingBytes
  /** Subscriptions. */
  readonly subscriptions: AllPlaces
  readonly #settings: Settings
  readonly #gate: Gate
  readonly #anonymousTurns: Turns | undefined

  constructor(settings: Settings, gate: Gate, count: (name: string) => void) {
    const { clock, hooks, limits, portions } = settings
    this.#settings = settings
    this.#gate = gate
    this.waiting = new WaitingBytes(limits, count)
    this.subscriptions = new AllPlaces(limits.subscriptions, portions)
    // Without `authenticate` there is nobody to keep the rest for.
    if (hooks.authenticate !== undefined)
      this.#anonymousTurns = new Turns(clock, ANONYMOUS_TIMES * limits.snapshotsPerSecond, ANONYMOUS_TIMES * limits.channels)
  }

  /** Whose share takes what somebody makes the server keep who came with this request. */
  holderOf({ user, client }: Pick<Hello, 'user' | 'client'>, request: UpgradeRequest): Holder {
    return holderOf(user, this.#gate.addressOf(request), client)
  }

  /** How often one more connection of this holder may ask for values: each has to let one through. */
  turnsOf({ pool }: Holder): readonly Turns[] {
    const { clock, limits } = this.#settings
    const own = new Turns(clock, limits.snapshotsPerSecond, BURST_OF_SCREENS * limits.channels)
    return pool === 'anonymous' && this.#anonymousTurns !== undefined ? [own, this.#anonymousTurns] : [own]
  }
}
