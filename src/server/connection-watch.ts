import { HOOK_MS } from './deadline.ts'
import type { Settings } from './options.ts'
import type { Outbound } from './outbound.ts'
import { isBelowFloor, Pace } from './pace.ts'
import type { Standstill } from './standstill.ts'
import type { CloseName } from '../protocol/index.ts'

/**
 * How often a client that waits for the answer to `hello` hears that the server is at it; it gives up after 10 s
 * without.
 */
const REPORT_MS = 3_000

/** The time limits of one connection. None of them ends what moves at the floor rate (PROTOCOL.md, P51). */
export class ConnectionWatch {
  readonly #settings: Settings
  readonly #outbound: Outbound
  readonly #standstill: Standstill
  readonly #arriving = new Pace()
  #sinceMs: number
  #heardAtMs: number
  #saidAtMs = 0

  constructor(settings: Settings, outbound: Outbound, standstill: Standstill) {
    this.#settings = settings
    this.#outbound = outbound
    this.#standstill = standstill
    this.#sinceMs = this.#heardAtMs = this.#nowMs()
  }

  /** A frame came. */
  heard(): void {
    this.#heardAtMs = this.#nowMs()
  }

  /** `hello` is here, and is being answered. */
  begin(): void {
    this.#sinceMs = this.#saidAtMs = this.#nowMs()
  }

  /**
   * Why the connection is to be ended now; `null` when it is not. To be asked about once a second.
   * @param isHeld whether the client is not read now
   */
  overdue(phase: 'waiting' | 'opening' | 'open' | 'closed', isHeld: boolean): CloseName | null {
    const nowMs = this.#nowMs()
    switch (phase) {
      case 'waiting':
        return this.#waiting(nowMs - this.#sinceMs)
      case 'opening':
        return this.#opening(nowMs)
      case 'open':
        if (isHeld) this.#held(nowMs)
        return this.#open(nowMs)
      case 'closed':
        return null
    }
  }

  #waiting(passedMs: number): CloseName | null {
    const isLate = passedMs >= this.#settings.limits.helloMs && isBelowFloor(this.#outbound.line.in.units, passedMs)
    return isLate ? 'helloTimeout' : null
  }

  #opening(nowMs: number): CloseName | null {
    const { limits, heartbeat } = this.#settings
    if (nowMs - this.#sinceMs >= limits.helloMs + 2 * HOOK_MS) return 'internal'
    // The app's hooks take their time.
    this.#sayAlive(nowMs, Math.min(heartbeat.pingMs, REPORT_MS), false)
    return null
  }

  /** Who is not read is not silent, and hears that the server lives though its pings are not answered. */
  #held(nowMs: number): void {
    this.#heardAtMs = nowMs
    this.#sayAlive(nowMs, this.#settings.heartbeat.pingMs, true)
  }

  #sayAlive(nowMs: number, everyMs: number, isAnswered: boolean): void {
    if (nowMs - this.#saidAtMs < everyMs) return
    this.#saidAtMs = nowMs
    this.#outbound.sayAlive(isAnswered)
  }

  /** Time in which the server ran: nobody is late, silent or slow while it stood still. */
  #nowMs(): number {
    return this.#standstill.awakeMs(this.#settings.clock.nowMs())
  }

  #open(nowMs: number): CloseName | null {
    const { limits, heartbeat } = this.#settings
    if (nowMs - this.#heardAtMs >= 2 * heartbeat.hiddenPingMs + heartbeat.timeoutMs) return 'goingAway'
    const { held, units } = this.#outbound.line.in
    const isDripping = this.#arriving.isTooSlow(nowMs, limits.slowConsumerMs, held > 0, units)
    return isDripping || this.#outbound.isTooSlow(nowMs, limits.slowConsumerMs) ? 'slowConsumer' : null
  }
}
