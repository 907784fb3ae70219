import type { Schedule } from './schedule.ts'

/**
 * A page, a worker or a server: whatever reaches its code comes through here, so that it can be stopped for a while, or for good. Code that still runs
 * after its end reaches nobody: everything it could call checks that it is alive.
 */
export class Process {
  readonly name: string
  isAlive = true
  /** It stands still, by itself or with the one it is a part of. */
  isPaused = false
  /** How often it stood still, and when it went on after the last time. */
  stops = 0
  wentOnMs = 0
  readonly #schedule: Schedule
  #held: (() => void)[] = []
  readonly #ends: (() => void)[] = []
  readonly #parts: Process[] = []
  #isStopped = false
  #isHeld = false

  constructor(schedule: Schedule, name: string) {
    this.#schedule = schedule
    this.name = name
  }

  /** Starts what stands still, goes on and ends with this process. */
  startPart(name: string): Process {
    const part = new Process(this.#schedule, name)
    this.#parts.push(part)
    return part
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

  /** @param withParts whether its parts stand still, too */
  pause(withParts: boolean = true): void {
    this.#isStopped = true
    this.#look()
    if (withParts) for (const part of this.#parts) part.#hold(true)
  }

  /** Goes on; what came meanwhile happens one by one, in its order. */
  resume(): void {
    this.#isStopped = false
    this.#look()
    for (const part of this.#parts) part.#hold(false)
  }

  #hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#look()
  }

  #look(): void {
    const isPaused = this.#isStopped || this.#isHeld
    if (isPaused === this.isPaused) return
    this.isPaused = isPaused
    if (isPaused) this.stops++
    else this.wentOnMs = this.#schedule.nowMs
    if (!isPaused) for (const run of this.#held.splice(0)) this.#schedule.at(0, () => this.post(run))
  }

  kill(): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.#held = []
    for (const part of this.#parts) part.kill()
    for (const end of this.#ends) end()
  }

  /** Calls `end` when the process has ended. */
  onEnd(end: () => void): void {
    this.#ends.push(end)
  }
}
