import type { Schedule } from './schedule.ts'

/**
 * A page, a worker or a server: whatever reaches its code comes through here, so that it can be stopped for a while, or for good. Code that still runs
 * after its end reaches nobody: everything it could call checks that it is alive.
 */
export class Process {
  readonly name: string
  isAlive = true
  isPaused = false
  /** How often it stood still. */
  stops = 0
  readonly #schedule: Schedule
  #held: (() => void)[] = []
  readonly #ends: (() => void)[] = []

  constructor(schedule: Schedule, name: string) {
    this.#schedule = schedule
    this.name = name
  }

  /** Runs `run` here after `delayMs`; late, when the process stands still then. Returns how to call it off. */
  after(delayMs: number, run: () => void): () => void {
    let isOff = false
    const task = this.#schedule.at(delayMs, () =>
      this.post(() => {
        if (!isOff) run()
      }),
    )
    return () => {
      isOff = true
      task.run = null
    }
  }

  /** Runs `run` here now, or when the process goes on. */
  post(run: () => void): void {
    if (!this.isAlive) return
    if (this.isPaused) this.#held.push(run)
    else run()
  }

  pause(): void {
    if (!this.isPaused) this.stops++
    this.isPaused = true
  }

  /** Goes on; what came meanwhile happens one by one, in its order. */
  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    for (const run of this.#held.splice(0)) this.#schedule.at(0, () => this.post(run))
  }

  kill(): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.#held = []
    for (const end of this.#ends) end()
  }

  /** Calls `end` when the process has ended. */
  onEnd(end: () => void): void {
    this.#ends.push(end)
  }
}
