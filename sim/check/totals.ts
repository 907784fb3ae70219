/** Figures of many simulations. Plain counts by name, so that workers can add theirs up. */
export class Totals {
  readonly counts: Record<string, number> = {}

  count(name: string, times: number = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + times
  }

  add(counts: Readonly<Record<string, number>>): void {
    for (const [name, times] of Object.entries(counts)) this.count(name, times)
  }
}
