import type { Clock } from '../ports.ts'

/** Time that passes only when a test says so. */
export class FakeClock implements Clock {
  #nowMs = 1_000
  #wallMs = 1_800_000_000_000
  #timers = new Map<number, { readonly atMs: number; readonly run: () => void }>()
  #soon: (() => void)[] = []
  #next = 1

  nowMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#wallMs + this.#nowMs
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const id = this.#next++
    this.#timers.set(id, { atMs: this.#nowMs + delayMs, run })
    return () => this.#timers.delete(id)
  }

  soon(run: () => void): void {
    this.#soon.push(run)
  }

  /** The wall clock is set to another time; nothing else notices. */
  jump(byMs: number): void {
    this.#wallMs += byMs
  }

  /** Time passes in which nobody runs: no timer does. */
  advance(ms: number): void {
    this.#nowMs += ms
  }

  /** Timers that would still run. */
  get timers(): number {
    return this.#timers.size
  }

  /** Lets every promise settle and every turn run, without any time passing. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; idle++) {
      await new Promise((resolve) => setImmediate(resolve))
      const due = this.#soon.splice(0)
      for (const run of due) run()
      if (due.length > 0) idle = 0
    }
  }

  /** Lets time pass, timer by timer, and everything settle after each. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await this.settle()
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= endMs).sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0]
      if (due === undefined) break
      const [id, { atMs, run }] = due
      this.#timers.delete(id)
      this.#nowMs = Math.max(this.#nowMs, atMs)
      run()
      await this.settle()
    }
    this.#nowMs = endMs
  }
}
