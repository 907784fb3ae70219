import type { Commit } from '../../src/server/engine.ts'
import type { World } from '../world/world.ts'

/** How a handler has ended for good: its reply cannot be given, or what it published cannot be. */
export type EndForGood = 'unanswerable' | 'unpublishable'

/** What ended for good is not tried again, and what has run is not taken for what has failed. */
export class HandlerEnds {
  readonly #world: World
  readonly #ended = new Map<string, EndForGood>()

  constructor(world: World) {
    this.#world = world
  }

  /** The handler is called with a message: this time it may end otherwise. */
  begun(id: string): void {
    this.#ended.delete(id)
  }

  ended(id: string, how: EndForGood): void {
    this.#ended.set(id, how)
  }

  /** A message commits. */
  holds(id: string, fate: Commit['fate']): void {
    const { check, totals } = this.#world
    const ended = this.#ended.get(id)
    if (ended === undefined) return
    totals.count(`ended for good: ${ended}`)
    const reason = fate?.kind === 'rejected' ? fate.reason : (fate?.kind ?? 'nothing')
    // There may be no room any more for what the handler has published.
    const isTrue = reason === 'unpublishable' || (ended === 'unanswerable' && reason === 'unreplied')
    check.holds(isTrue, ended === 'unanswerable' ? 'EF1' : 'EF2', () => `the handler of ${id} was ${ended}, and it ends as ${reason}`)
  }
}
