import type { OutboxRestart } from '../../src/core/notices.ts'
import type { SimTab } from '../world/sim-tab.ts'
import type { World } from '../world/world.ts'

/** What the listeners of the app have heard: whatever the storage held to be told, somebody hears in the end (I37, I38). */
export class ToldBook {
  readonly #world: World
  /** Messages that were named as possible repeats, by browser and scope. */
  readonly #mayRepeat = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  /** A listener has run. */
  restarted(tab: SimTab, { mayRepeat }: OutboxRestart): void {
    for (const id of mayRepeat) this.#mayRepeat.add(id)
    this.#world.trace('told', tab.process.name, ...mayRepeat)
  }

  /** Everything is over, and every user has a page that listens. */
  atEnd(): void {
    const { check, totals } = this.#world
    for (const { id, applied, isMarked, isDoubtful, isUntellable, excuses } of check.upward.all.values()) {
      if (applied < 2 || !isMarked || isUntellable || excuses.has('copied')) continue
      totals.count('doubled effects that were told of')
      check.holds(this.#mayRepeat.has(id) || isDoubtful, 'I38', () => `${id} took effect ${applied} times, and nobody was told`)
    }
  }
}
