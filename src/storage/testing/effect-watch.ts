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
  readonly #runs = new Set<Id>()
  readonly #lostRuns = new Set<Id>()
  #stored = 0

  constructor(wrong: (what: string) => void) {
    this.#wrong = wrong
  }

  /** The store holds these messages now. */
  stored({ client, entries }: OutboxState): void {
    this.#runs.add(client)
    for (const { id } of entries) if (!this.#order.has(id)) this.#order.set(id, ++this.#stored)
  }

  /**
   * The store went back to this. What it forgot that it ever sent, and a server that it ever came, nobody can know: neither what arrived, nor what is on its
   * way and arrives now. And of a run of numbers that the store forgot as a whole it cannot even ask a server that remembers it.
   */
  forget({ client, entries }: OutboxState, left: Iterable<Id>): void {
    const held = new Set(entries.filter(({ skip }) => !skip).map(({ id }) => id))
    for (const id of this.#order.keys()) if (!held.has(id)) this.#order.delete(id)
    for (const id of left) this.#forgotten.add(id)
    const known = new Set([client, ...entries.flatMap(({ recall }) => recall ?? [])])
    for (const run of this.#runs) if (!known.has(run)) this.#lostRuns.add(run)
  }

  /** Whether the message had left when the store went back. */
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
      const same = effects.filter(
        (other) => other.id === id && !this.#lostRuns.has(other.client) && (!this.#forgotten.has(id) || other.ledger === ledger),
      )
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
