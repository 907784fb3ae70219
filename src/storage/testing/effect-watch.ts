import type { OutboxState } from '../../core/ports.ts'
import type { Effect } from '../../core/testing/model-server.ts'
import type { Id } from '../../protocol/messages.ts'

/** Watches what takes effect: each message once, or announced, and in the order in which a store took the messages in. */
export class EffectWatch {
  readonly #wrong: (what: string) => void
  readonly #seen = new WeakSet<Effect>()
  readonly #order = new Map<Id, number>()
  readonly #last = new Map<string, { readonly n: number; readonly at: number }>()
  readonly #forgotten = new Set<Id>()
  #stored = 0

  constructor(wrong: (what: string) => void) {
    this.#wrong = wrong
  }

  /** The store holds these messages now. */
  stored({ entries }: OutboxState): void {
    for (const { id } of entries) if (!this.#order.has(id)) this.#order.set(id, ++this.#stored)
  }

  /** The store went back to these messages. What it forgot that it ever sent, and a server that it ever came, nobody can know. */
  forget(held: ReadonlySet<Id>, took: Iterable<Id>): void {
    for (const id of this.#order.keys()) if (!held.has(id)) this.#order.delete(id)
    for (const id of took) this.#forgotten.add(id)
  }

  /** Whether the message had taken effect when the store went back. */
  isForgotten(id: Id): boolean {
    return this.#forgotten.has(id)
  }

  /** Judges the effects that are new, and gives them. */
  fresh(effects: readonly Effect[]): Effect[] {
    const fresh = effects.filter((effect) => !this.#seen.has(effect))
    for (const effect of fresh) {
      this.#seen.add(effect)
      this.#checkOrder(effect)
      const { id, ledger } = effect
      const same = effects.filter((other) => other.id === id && (!this.#forgotten.has(id) || other.ledger === ledger))
      if (same.filter(({ marked }) => !marked).length > 1) this.#wrong(`[I7] ${id} took effect twice without a word`)
    }
    return fresh
  }

  #checkOrder({ ledger, client, n, id }: Effect): void {
    const run = `${ledger} ${client}`
    const before = this.#last.get(run)
    const at = this.#order.get(id)
    if (at === undefined) return
    if (before && n > before.n && at <= before.at) this.#wrong(`[I8] ${id} took effect out of order`)
    this.#last.set(run, { n, at })
  }
}
