import type { LaneEntry } from './lane-entry.ts'

/** So many places are left behind what was taken, before the others are moved up. */
const LEFT_BEHIND = 1_024

/** Numbers that wait, in the order they came. */
export class LaneQueue {
  #entries: LaneEntry[] = []
  #next = 0

  /** How many wait. */
  get length(): number {
    return this.#entries.length - this.#next
  }

  /** Those that wait. */
  get waiting(): LaneEntry[] {
    return this.#entries.slice(this.#next)
  }

  push(entries: readonly LaneEntry[]): void {
    for (const entry of entries) this.#entries.push(entry)
  }

  /** Takes the first one out; `undefined` when none waits. */
  take(): LaneEntry | undefined {
    const entry = this.#entries[this.#next]
    if (entry === undefined) return undefined
    this.#next++
    if (this.#next > LEFT_BEHIND || this.length === 0) this.keep(this.waiting)
    return entry
  }

  /** Only these wait from now on. */
  keep(entries: LaneEntry[]): void {
    this.#entries = entries
    this.#next = 0
  }
}
