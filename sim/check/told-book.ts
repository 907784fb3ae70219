import type { OutboxRestart, StorageLost } from '../../src/core/notices.ts'
import type { Disk } from '../world/disk.ts'
import type { SimTab } from '../world/sim-tab.ts'
import type { World } from '../world/world.ts'

/** What the listeners of the app have heard: whatever the storage held to be told, somebody hears in the end (I37, I38). */
export class ToldBook {
  readonly #world: World
  /** Messages that were named as possible repeats, by browser and scope. */
  readonly #mayRepeat = new Set<string>()

  /** What some listener was told, by kind, scope and time. */
  readonly #told = new Set<string>()

  /** Scopes with a session that is in two places. */
  readonly #copied = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  copied(scope: string): void {
    this.#copied.add(scope)
  }

  /** A listener has run. */
  restarted(tab: SimTab, { reason, mayRepeat, atMs }: OutboxRestart): void {
    const { check } = this.#world
    check.holds(reason !== 'cloned' || this.#copied.has(tab.scope), 'I39', () => `${tab.process.name} is told that it was copied`)
    this.#told.add(`outbox-restarted ${tab.scope} ${atMs}`)
    for (const id of mayRepeat) this.#mayRepeat.add(id)
    this.#world.trace('told', tab.process.name, ...mayRepeat)
  }

  /** A listener has run. */
  lost(tab: SimTab, { mayRepeat, atMs }: StorageLost): void {
    this.#world.totals.count('lost storages told')
    this.#told.add(`storage-lost ${tab.scope} ${atMs}`)
    for (const id of mayRepeat) this.#mayRepeat.add(id)
  }

  /** A database is about to forget what was heard. */
  forgets(disk: Disk, ids: readonly string[]): void {
    const { check, totals, profiles } = this.#world
    const scopes = profiles.flatMap((profile) => [...profile.disks]).flatMap(([scope, one]) => (one === disk ? [scope] : []))
    for (const { id, kind, event } of disk.contents.stored?.notices ?? []) {
      if (!ids.includes(id)) continue
      totals.count('notices heard')
      const isTold = scopes.some((scope) => this.#told.has(`${kind} ${scope} ${event.atMs}`))
      check.holds(isTold, 'I38', () => `${scopes.join()} forgets ${kind}, and no listener has run`)
    }
  }

  /** Everything is over, and every user has a page that listens. */
  atEnd(): void {
    const { check, totals, profiles } = this.#world
    // Where a hub goes on in memory what is stored is told by the next that can read it; elsewhere nothing is left by now.
    const stored = profiles.flatMap(({ disks }) => [...disks.values()].flatMap(({ contents }) => contents.stored?.notices ?? []))
    const toBeTold = new Set(stored.flatMap(({ event }) => event.mayRepeat))
    for (const { id, applied, isMarked, isDoubtful, isUntellable, excuses } of check.upward.all.values()) {
      if (applied < 2 || !isMarked || isUntellable || excuses.has('copied')) continue
      totals.count('doubled effects that were told of')
      check.holds(
        this.#mayRepeat.has(id) || isDoubtful || toBeTold.has(id),
        'I38',
        () => `${id} took effect ${applied} times, and nobody was told`,
      )
    }
  }
}
