import type { Id } from '../../protocol/index.ts'

/**
 * When the outbox tokens of which clients were revoked. Remembered for as long as a token may live; where there are too many, the ones that came first are given up and
 * with them every token of their time: forgetting must never make a revoked token good again.
 */
export class Revocations {
  readonly #most: number
  readonly #atMs = new Map<Id, number>()
  #allBeforeMs = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Tokens of the client made up to now have ended. */
  add(client: Id, nowMs: number): void {
    this.#atMs.delete(client)
    this.#atMs.set(client, nowMs)
    const [oldest] = this.#atMs
    if (this.#atMs.size <= this.#most || oldest === undefined) return
    this.#atMs.delete(oldest[0])
    this.#allBeforeMs = Math.max(this.#allBeforeMs, oldest[1])
  }

  /** Tokens of the client made up to here have ended; 0 when none were revoked. */
  atMs(client: Id): number {
    return Math.max(this.#atMs.get(client) ?? 0, this.#allBeforeMs)
  }

  /** Forgets revocations of tokens that have ended anyway. */
  sweep(beforeMs: number): void {
    for (const [client, atMs] of this.#atMs) if (atMs <= beforeMs) this.#atMs.delete(client)
  }

  /** Forgets all. */
  clear(): void {
    this.#atMs.clear()
  }
}
