import { kindOf } from './deadline.ts'
import { KeyedRate } from './keyed-rate.ts'
import type { Settings } from './options.ts'
import { isOriginAllowed } from './origin.ts'
import type { UpgradeRequest } from './ports.ts'
import type { LogEntry } from '../core/ports.ts'

/** What the gate needs of its server. */
export interface GateHost {
  readonly isClosing: boolean
  /** Accepted sockets whose `hello` was not answered. */
  readonly waiting: number
  count(name: string): void
  log(entry: LogEntry): void
}

/** Whether one more socket may come in. */
export type Passage =
  | { readonly isAllowed: true; readonly leave: () => void }
  | { readonly isAllowed: false; readonly status: 403 | 429 | 503; readonly retryAfterSeconds: number }

/** How soon somebody may try again whom another socket's end would let in. */
const RETRY_SECONDS = 1
/** The same for an address that has too many sockets: nothing says that one of them will end soon. */
const ADDRESS_RETRY_SECONDS = 10

/** Decides before the upgrade who may open a socket: by origin, by how many there are, and by address where the app says how to know it. */
export class Gate {
  readonly #settings: Settings
  readonly #host: GateHost
  readonly #opened: KeyedRate
  readonly #byAddress = new Map<string, number>()
  #sockets = 0

  constructor(settings: Settings, host: GateHost) {
    this.#settings = settings
    this.#host = host
    this.#opened = new KeyedRate(settings.limits.addressSocketsPerMinute, (name) => host.count(name))
  }

  /** Addresses that are remembered: those that opened a socket lately, and those that have one open. */
  get addresses(): number {
    return Math.max(this.#opened.size, this.#byAddress.size)
  }

  /** Asks for one more socket; an allowed one is followed by one `leave`, when it is gone. */
  enter(request: UpgradeRequest): Passage {
    const { allowedOrigins, sessions, limits, hooks, clock } = this.#settings
    if (this.#host.isClosing || this.#sockets >= sessions.max) return this.#refuse('unavailable', 503, RETRY_SECONDS)
    if (!isOriginAllowed(request.headers, allowedOrigins)) return this.#refuse('origin', 403, 0)
    if (this.#host.waiting >= limits.waitingSockets) return this.#refuse('waiting', 503, RETRY_SECONDS)
    let address: string | undefined
    try {
      address = hooks.addressOf?.(request)
    } catch (error) {
      this.#host.log({ level: 'error', event: 'address_failed', error: kindOf(error) })
      return this.#refuse('unavailable', 503, RETRY_SECONDS)
    }
    if (typeof address === 'string') {
      const open = this.#byAddress.get(address) ?? 0
      if (open >= limits.addressSockets) return this.#refuse('address', 429, ADDRESS_RETRY_SECONDS)
      if (!this.#opened.take(address, clock.nowMs())) {
        return this.#refuse('address', 429, Math.ceil(60 / limits.addressSocketsPerMinute))
      }
      this.#byAddress.set(address, open + 1)
    }
    this.#sockets++
    return { isAllowed: true, leave: () => this.#leave(address) }
  }

  /** Forgets addresses that have been away for long enough. */
  sweep(): void {
    this.#opened.sweep(this.#settings.clock.nowMs())
  }

  #leave(address: string | undefined): void {
    this.#sockets--
    if (address === undefined) return
    const open = (this.#byAddress.get(address) ?? 1) - 1
    if (open > 0) this.#byAddress.set(address, open)
    else this.#byAddress.delete(address)
  }

  #refuse(why: string, status: 403 | 429 | 503, retryAfterSeconds: number): Passage {
    this.#host.count(`refused.${why}`)
    return { isAllowed: false, status, retryAfterSeconds }
  }
}
