import type { Clock } from './ports.ts'

/** Something that has gathered what it will send in one go. */
export interface Flushable {
  /** With `isBurst` more is to come at once: what is not taken now may be lost. */
  flush(isBurst: boolean): void
}

/** A channel whose log has changed. */
export interface DueChannel {
  /** Whether it is waiting to be visited. */
  isDue: boolean
  /** Who reads it. */
  readonly readers: Iterable<{ wake(): Flushable }>
  /** All of them have had their turn. */
  flushed(): void
}

/**
 * Runs what is due once per turn: everything that was published or applied in one turn of the event loop leaves in
 * shared frames, and a
 * message that was published alone leaves in the same turn.
 */
export class Flusher {
  readonly #clock: Clock
  #channels: DueChannel[] = []
  #due = new Set<Flushable>()
  #isScheduled = false
  #isRunning = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A channel's log has changed: its receivers have something to read. */
  changed(channel: DueChannel): void {
    if (channel.isDue) return
    channel.isDue = true
    this.#channels.push(channel)
    this.#schedule()
  }

  /** `flushable.flush` is called soon, once. */
  mark(flushable: Flushable): void {
    this.#due.add(flushable)
    this.#schedule()
  }

  /** Does now what is due; nothing when it is at it already. */
  run(isBurst: boolean = false): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#isScheduled = false
    const channels = this.#channels
    this.#channels = []
    for (const channel of channels) {
      channel.isDue = false
      for (const reader of channel.readers) this.#due.add(reader.wake())
    }
    const due = this.#due
    this.#due = new Set()
    let begun = 0
    try {
      for (const flushable of due) {
        begun++
        flushable.flush(isBurst)
      }
    } finally {
      // Where one fails, the others have their turn with the next run.
      for (const channel of channels) channel.flushed()
      this.#isRunning = false
      if (begun < due.size) for (const flushable of [...due].slice(begun)) this.mark(flushable)
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.soon(() => {
      if (this.#isScheduled) this.run()
    })
  }
}
