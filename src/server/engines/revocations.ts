import type { Id } from '../../protocol/index.ts'

/**
 * The revocations of outbox tokens, counted: which one was the last of each client. So many are remembered, and for so long; with one that is given up every token of its time
 * ends, whoever it was made for: forgetting must never make a revoked token good again.
 */
export class Revocations {
  readonly #most: number
  /** In the order of their numbers. */
  readonly #byClient = new Map<Id, { readonly number: number; readonly atMs: number }>()
  #count = 0
  /** Tokens from before this one have ended, all of them. */
  #forgotten = 0

  constructor(most: number) {
    this.#most = most
  }

  /** How many there were. */
  get count(): number {
    return this.#count
  }

  /** Tokens of the client made up to now have ended. */
  add(client: Id, nowMs: number): void {
    this.#byClient.delete(client)
    this.#byClient.set(client, { number: ++this.#count, atMs: nowMs })
    const [oldest] = this.#byClient
    if (this.#byClient.size > this.#most && oldest !== undefined) this.#forget(...oldest)
  }

  /** The number of the revocation before which tokens of the client have ended; 0 when there was none. */
  at(client: Id): number {
    return this.#byClient.get(client)?.number ?? this.#forgotten
  }

  /** Forgets the revocations up to a time. */
  sweep(beforeMs: number): void {
    for (const [client, revocation] of this.#byClient) {
      if (revocation.atMs > beforeMs) return
      this.#forget(client, revocation)
    }
  }

  #forget(client: Id, { number }: { readonly number: number }): void {
    this.#byClient.delete(client)
    this.#forgotten = number
  }
}
