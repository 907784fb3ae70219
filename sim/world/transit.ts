import type { Link } from './link.ts'
import type { World } from './world.ts'

interface Parcel {
  readonly bytes: number
  readonly deliver: () => void
}

/** Which way something goes: to the server, or to the browser. */
export type Way = 'up' | 'down'

/** What is on its way on one TCP connection. Nothing overtakes anything on it, and what was lost takes the connection with it. */
export class Transit {
  /** What is on its way never comes. */
  isCut = false
  /** The server does not read. */
  #isUnread = false
  readonly #world: World
  readonly #link: Link
  readonly #held: { readonly up: Parcel[]; readonly down: Parcel[] } = { up: [], down: [] }
  readonly #lastMs: { up: number; down: number } = { up: 0, down: 0 }

  constructor(world: World, link: Link) {
    this.#world = world
    this.#link = link
  }

  /** The server stops reading, or goes on. */
  hold(isUnread: boolean): void {
    this.#isUnread = isUnread
    this.goOn()
  }

  send(way: Way, bytes: number, deliver: () => void): void {
    const parcel = { bytes, deliver }
    if (this.holds(way) || this.#held[way].length > 0) this.#held[way].push(parcel)
    else this.#pass(way, parcel)
  }

  /** Whether nothing passes that way now. */
  holds(way: Way): boolean {
    return way === 'up' ? this.#isUnread || this.#link.conditions.holdsUp : this.#link.conditions.holdsDown
  }

  heldBytes(way: Way): number {
    return this.#held[way].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** What was held may pass, if the conditions let it. */
  goOn(): void {
    for (const way of ['up', 'down'] as const) {
      if (this.holds(way)) continue
      for (const parcel of this.#held[way].splice(0)) this.#pass(way, parcel)
    }
  }

  #pass(way: Way, { bytes, deliver }: Parcel): void {
    const { schedule } = this.#world
    const atMs = Math.max(this.#lastMs[way], schedule.nowMs + this.#link.latencyMs()) + bytes / this.#link.conditions.bytesPerMs
    this.#lastMs[way] = atMs
    schedule.at(atMs - schedule.nowMs, () => {
      if (!this.isCut) deliver()
    })
  }
}
