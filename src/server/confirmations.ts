import type { ClientRecord } from './client-record.ts'

/** What a client may leave unconfirmed before its next number waits. */
export interface UnconfirmedLimits {
  /** Numbers. */
  readonly unconfirmed: number
  /** Text of replies, in UTF-16 units. */
  readonly replyBytes: number
}

/**
 * Holds a lane back while its client has not confirmed what it was told: what became of a number is kept until then, and
 * must not grow without end.
 */
export class Confirmations {
  readonly #limits: UnconfirmedLimits
  #waiting: (() => void)[] = []

  constructor(limits: UnconfirmedLimits) {
    this.#limits = limits
  }

  /** Whether the next number must wait, with so many numbers and replies about to commit. */
  isOwed(record: ClientRecord | null, numbers: number, units: number): boolean {
    const { unconfirmed, replyBytes } = this.#limits
    if (record === null) return false
    return record.unconfirmed + numbers >= unconfirmed || record.unconfirmedUnits + units > replyBytes
  }

  /** Resolves when something has changed. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The client has confirmed something, or is gone. */
  changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
