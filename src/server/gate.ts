import { answerNow } from './answer-now.ts'
import { kindOf } from './deadline.ts'
import { KeyedRate } from './keyed-rate.ts'
import type { Settings } from './options.ts'
import { judgeOrigin } from './origin.ts'
import type { UpgradeRequest } from './ports.ts'
import { Refusals, type Refusal } from './refusals.ts'
import type { CloseName } from '../protocol/index.ts'
import { invalidOption } from '../protocol/read-options.ts'
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
export type Passage = { readonly isAllowed: true; readonly leave: () => void } | Refused

/** A socket that may not come in. */
export interface Refused {
  readonly isAllowed: false
  readonly status: 403 | 429 | 503
  /** For a socket that is open already. */
  readonly close: CloseName
  readonly retryAfterSeconds: number
  readonly refusal: Refusal
}

/** How soon somebody may try again whom another socket's end would let in. */
const RETRY_SECONDS = 1
/** The same for an address that has too many sockets: nothing says that one of them will end soon. */
const ADDRESS_RETRY_SECONDS = 10

/** What a closed server says, on every path of it. */
export const CLOSED: Refusal = { kind: 'closed', sentence: 'This server is closing. Try again soon.' }

/**
 * Decides who may open a socket: by origin, by how many there are, and by address where the app says how to know it.
 */
export class Gate {
  /** Tells the log why somebody was refused. */
  readonly refusals: Refusals
  readonly #settings: Settings
  readonly #host: GateHost
  readonly #opened: KeyedRate
  readonly #byAddress = new Map<string, number>()
  readonly #known = new WeakMap<UpgradeRequest, string>()
  #sockets = 0

  constructor(settings: Settings, host: GateHost) {
    this.#settings = settings
    this.#host = host
    this.refusals = new Refusals(settings.clock, (entry) => host.log(entry))
    this.#opened = new KeyedRate(settings.limits.addressSocketsPerMinute, (name) => host.count(name))
  }

  /** Addresses that are remembered: those that opened a socket lately, and those that have one open. */
  get addresses(): number {
    return Math.max(this.#opened.size, this.#byAddress.size)
  }

  /** Asks for one more socket; an allowed one is followed by one `leave`, when it is gone. */
  enter(request: UpgradeRequest): Passage {
    const { allowedOrigins, sessions, limits, hooks } = this.#settings
    // A stop that was asked for is nothing to look into.
    if (this.#host.isClosing) return this.#refuse('unavailable', CLOSED)
    if (this.#sockets >= sessions.max) return this.#tooMany('sessions', sessions.max)
    const stranger = judgeOrigin(request.headers, allowedOrigins)
    if (stranger !== undefined) {
      const { host, 'x-forwarded-host': forwarded } = request.headers
      const came = `Origin: ${request.origin ?? '(none)'}, Host: ${String(host)}, X-Forwarded-Host: ${String(forwarded)}`
      return this.#refuse('origin', { kind: 'origin', option: 'allowedOrigins', came, ...stranger })
    }
    if (this.#host.waiting >= limits.waitingSockets) return this.#tooMany('waiting', limits.waitingSockets)
    let address: string | undefined
    try {
      address = answerNow('addressOf', hooks.addressOf?.(request))
      // Taken for no address, it would switch the limits off.
      if (address !== undefined && typeof address !== 'string') invalidOption('addressOf', 'must give a string or undefined')
    } catch (error) {
      const came = kindOf(error)
      this.#host.log({ level: 'error', event: 'address_failed', error: came })
      const sentence = 'The server cannot tell where this request comes from.'
      return this.#refuse('unavailable', { kind: 'address-unknown', sentence, option: 'addressOf', came })
    }
    if (address !== undefined) {
      const refused = this.#enterFrom(address)
      if (refused !== undefined) return refused
      this.#known.set(request, address)
    }
    this.#sockets++
    return { isAllowed: true, leave: () => this.#leave(address) }
  }

  /** The address of a request that was let in, where the app named one. */
  addressOf(request: UpgradeRequest): string | undefined {
    return this.#known.get(request)
  }

  /** Forgets addresses that have been away for long enough. */
  sweep(): void {
    this.#opened.sweep(this.#settings.clock.nowMs())
  }

  /** Counts one more socket of an address, or says why not. */
  #enterFrom(address: string): Refused | undefined {
    const { limits, clock } = this.#settings
    const open = this.#byAddress.get(address) ?? 0
    const sentence = 'Too many connections from one address.'
    if (open >= limits.addressSockets) {
      const expected = `at most ${limits.addressSockets} open`
      const refusal = { kind: 'address', sentence, expected, option: 'limits.addressSockets' }
      return this.#refuse('address', refusal, ADDRESS_RETRY_SECONDS)
    }
    if (!this.#opened.take(address, clock.nowMs())) {
      const perMinute = limits.addressSocketsPerMinute
      const expected = `at most ${perMinute} a minute`
      const refusal = { kind: 'address-rate', sentence, expected, option: 'limits.addressSocketsPerMinute' }
      return this.#refuse('address', refusal, Math.ceil(60 / perMinute))
    }
    this.#byAddress.set(address, open + 1)
    return undefined
  }

  #leave(address: string | undefined): void {
    this.#sockets--
    if (address === undefined) return
    const open = (this.#byAddress.get(address) ?? 1) - 1
    if (open > 0) this.#byAddress.set(address, open)
    else this.#byAddress.delete(address)
  }

  #tooMany(kind: 'sessions' | 'waiting', limit: number): Refused {
    const refusal =
      kind === 'sessions'
        ? { option: 'sessions.max', sentence: 'Too many connections.' }
        : { option: 'limits.waitingSockets', sentence: 'Too many connections that have not said hello yet.' }
    return this.#refuse(kind === 'sessions' ? 'unavailable' : 'waiting', { kind, expected: `at most ${limit}`, ...refusal })
  }

  #refuse(why: 'unavailable' | 'origin' | 'waiting' | 'address', refusal: Refusal, retryAfterSeconds: number = RETRY_SECONDS): Refused {
    this.#host.count(`refused.${why}`)
    if (refusal !== CLOSED) this.refusals.tell(refusal)
    if (why === 'origin') return { isAllowed: false, status: 403, close: 'forbidden', retryAfterSeconds: 0, refusal }
    if (why === 'address') return { isAllowed: false, status: 429, close: 'busy', retryAfterSeconds, refusal }
    return { isAllowed: false, status: 503, close: 'goingAway', retryAfterSeconds, refusal }
  }
}
