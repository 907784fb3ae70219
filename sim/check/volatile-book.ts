import type { SentMessage } from '../../src/page/sent-message.ts'
import type { HoldfastError } from '../../src/protocol/errors.ts'
import type { World } from '../world/world.ts'

/** What is known of a message with `durable: false`. */
interface VolatileFacts {
  /** How its sender was told that it was not sent, if so. */
  denied: string | null
  isApplied: boolean
}

/** Holds what is told of messages with `durable: false` to the truth: "not known" is never told as "not so" (I39). */
export class VolatileBook {
  readonly #world: World
  readonly #all = new Map<string, VolatileFacts>()

  constructor(world: World) {
    this.#world = world
  }

  sent(message: SentMessage): void {
    const { id } = message
    const facts: VolatileFacts = { denied: null, isApplied: false }
    this.#all.set(id, facts)
    message.queued.then(
      () => this.#world.totals.count('passing messages told as sent'),
      (error: HoldfastError) => {
        this.#world.totals.count(`passing messages told as ${error.code}`)
        if (error.code === 'unknown') return
        facts.denied = error.code
        this.#holds(id, facts)
      },
    )
  }

  /** The handler is called with one. */
  applied(id: string): void {
    const facts = this.#all.get(id)
    this.#world.check.holds(facts !== undefined, 'I7', () => `the passing message ${id} was never sent`)
    if (!facts) return
    this.#world.totals.count('passing messages applied')
    this.#world.check.holds(!facts.isApplied, 'I7', () => `the passing message ${id} took effect twice`)
    facts.isApplied = true
    this.#holds(id, facts)
  }

  #holds(id: string, { denied, isApplied }: VolatileFacts): void {
    this.#world.check.holds(denied === null || !isApplied, 'I39', () => `the passing message ${id} is told as ${denied}, and was applied`)
  }
}
