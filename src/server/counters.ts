/** Named totals since the server began. A name that never counted is absent. */
export class Counters {
  readonly #totals = new Map<string, number>()

  /** Adds to a total. Names are `noun` or `noun.reason`, from a closed set in the code, never from a frame. */
  add(name: string, count: number = 1): void {
    if (count > 0) this.#totals.set(name, (this.#totals.get(name) ?? 0) + count)
  }

  /** All totals, as plain data. */
  read(): Record<string, number> {
    return Object.fromEntries(this.#totals)
  }
}
