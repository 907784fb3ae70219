import type { Process } from './process.ts'
import type { Schedule } from './schedule.ts'

type Listener = (event: { readonly data: unknown }) => void

/** One end of a message channel between two processes. */
export class PortEnd {
  process: Process
  other: PortEnd | null = null
  #listeners: Listener[] = []
  #early: unknown[] | null = []
  #isClosed = false
  #lastMs = 0
  readonly #schedule: Schedule
  readonly #delayMs: () => number

  constructor(schedule: Schedule, process: Process, delayMs: () => number) {
    this.#schedule = schedule
    this.process = process
    this.#delayMs = delayMs
  }

  /** Gives the end to another process; what the old one has set up here is gone. */
  handTo(process: Process): void {
    this.process = process
    this.#listeners = []
    this.#early = []
    this.#isClosed = false
  }

  addEventListener(_type: string, listener: Listener): void {
    this.#listeners.push(listener)
  }

  start(): void {
    const early = this.#early ?? []
    this.#early = null
    for (const data of early) this.#tell(data)
  }

  close(): void {
    this.#isClosed = true
  }

  postMessage(data: unknown): void {
    const { other } = this
    if (this.#isClosed || !this.process.isAlive || !other) return
    this.#lastMs = Math.max(this.#lastMs, this.#schedule.nowMs + this.#delayMs())
    this.#schedule.at(this.#lastMs - this.#schedule.nowMs, () => other.process.post(() => other.#take(data)))
  }

  #take(data: unknown): void {
    if (this.#isClosed) return
    if (this.#early) this.#early.push(data)
    else this.#tell(data)
  }

  #tell(data: unknown): void {
    for (const listener of this.#listeners) listener({ data })
  }
}

/** Makes a channel between two processes; each end may be cast to a `MessagePort`. */
export function createPorts(schedule: Schedule, a: Process, b: Process, delayMs: () => number): readonly [PortEnd, PortEnd] {
  const one = new PortEnd(schedule, a, delayMs)
  const two = new PortEnd(schedule, b, delayMs)
  one.other = two
  two.other = one
  return [one, two]
}
