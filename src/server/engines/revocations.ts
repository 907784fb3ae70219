import { userChannelKey, type Revoked } from '../engine.ts'
import { SWEPT } from '../swept.ts'
import type { Id } from '../../protocol/index.ts'

/**
 * The revocations of outbox tokens, counted: which one was the last of each client, and of each user. So many are
 * remembered, and for so long; with one that is given up every token of its time ends, whoever it was made for:
 * forgetting must never make a revoked token good again.
 */
export class Revocations {
  readonly #most: number
  /** In the order of their numbers. */
  readonly #byName = new Map<string, { readonly number: number; readonly atMs: number }>()
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

  /** Tokens of the client, or of all clients of the user, made up to now have ended. */
  add(revoked: Revoked, nowMs: number): void {
    const name = 'user' in revoked ? userChannelKey(revoked.user) : revoked.client
    this.#byName.delete(name)
    this.#byName.set(name, { number: ++this.#count, atMs: nowMs })
    const [oldest] = this.#byName
    if (this.#byName.size > this.#most && oldest !== undefined) this.#forget(...oldest)
  }

  /** The number of the revocation before which the user's tokens for the client have ended; 0 when there was none. */
  at(client: Id, user: string | null): number {
    const ofClient = this.#numberOf(client)
    return user === null ? ofClient : Math.max(ofClient, this.#numberOf(userChannelKey(user)))
  }

  /** Forgets the revocations up to a time, the oldest first and not more than one sweep takes. */
  sweep(beforeMs: number): void {
    let left = SWEPT
    for (const [name, revocation] of this.#byName) {
      if (left-- <= 0 || revocation.atMs > beforeMs) return
      this.#forget(name, revocation)
    }
  }

  #numberOf(name: string): number {
    return this.#byName.get(name)?.number ?? this.#forgotten
  }

  #forget(name: string, { number }: { readonly number: number }): void {
    this.#byName.delete(name)
    this.#forgotten = number
  }
}
