import type { Settings } from './options.ts'

/**
 * How long the process stood still: a long turn, a long collection of garbage, a machine that was paused. What comes
 * afterwards comes all at once, and those who sent it are not to blame; nor were they silent.
 */
export class Standstill {
  readonly #everyMs: number
  #lookedAtMs: number
  #stoodMs = 0

  /** @param everyMs how often {@link Standstill.look} is called while the process runs */
  constructor(everyMs: number, nowMs: number) {
    this.#everyMs = everyMs
    this.#lookedAtMs = nowMs
  }

  /** Called by a timer. */
  look(nowMs: number): void {
    this.#stoodMs = this.totalMs(nowMs)
    this.#lookedAtMs = nowMs
  }

  /** How long in all, up to now. What comes before the timer has its turn is told right, too. */
  totalMs(nowMs: number): number {
    return this.#stoodMs + Math.max(0, nowMs - this.#lookedAtMs - this.#everyMs)
  }

  /** A time that goes on only while the process runs: silence and slowness are measured by it. */
  awakeMs(nowMs: number): number {
    return nowMs - this.totalMs(nowMs)
  }
}

/** One timer looks after all connections, often enough for the shortest of their limits. */
export function lookEveryMs({ limits, heartbeat }: Pick<Settings, 'limits' | 'heartbeat'>): number {
  return Math.max(10, Math.min(1_000, Math.floor(Math.min(limits.helloMs, limits.slowConsumerMs, heartbeat.timeoutMs) / 4)))
}
