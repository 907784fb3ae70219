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

/** What is visited and flushed at a time. */
interface Round {
  readonly channels: readonly DueChannel[]
  /** The readers of all of them, from the next one on. */
  readonly readers: Iterator<{ wake(): Flushable }>
  readonly due: Set<Flushable>
  isAwake: boolean
}

/** Most readers woken, and most sockets flushed, before the event loop has its turn. */
const WOKEN = 10_000
const FLUSHED = 1_000
/** The same, by time: a flush may be large. Looked at after so many. */
const SLICE_MS = 10
const LOOKED_AT = 32

/**
 * Runs what is due once per turn: everything that was published or applied in one turn of the event loop leaves in
 * shared frames, and a message that was published alone leaves in the same turn. Where more is due than a turn may
 * take, the rest has its turn after the event loop.
 */
export class Flusher {
  readonly #clock: Clock
  #channels: DueChannel[] = []
  #due = new Set<Flushable>()
  #round: Round | undefined
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

  /**
   * Does now what is due, or a part of it; nothing when it is at it already.
   * @param isBurst whether it is done early, since the logs would lose it
   */
  run(isBurst: boolean = false): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#isScheduled = false
    const round = (this.#round ??= this.#begin())
    try {
      if (this.#wake(round) && this.#flush(round, isBurst)) this.#end(round)
    } finally {
      this.#isRunning = false
      // Where one fails, the others have their turn with the next run.
      if (this.#round !== undefined && round.due.size === 0 && round.isAwake) this.#end(round)
      if (this.#round !== undefined) this.#schedule()
    }
  }

  #begin(): Round {
    const [channels, due] = [this.#channels, this.#due]
    this.#channels = []
    this.#due = new Set()
    return { channels, readers: readersOf(channels), due, isAwake: false }
  }

  /** Whether all are awake. */
  #wake(round: Round): boolean {
    for (let left = WOKEN; left > 0 && !round.isAwake; left--) {
      const next = round.readers.next()
      if (next.done === true) round.isAwake = true
      else round.due.add(next.value.wake())
    }
    return round.isAwake
  }

  /** Whether all are flushed. */
  #flush({ due }: Round, isBurst: boolean): boolean {
    const untilMs = this.#clock.nowMs() + SLICE_MS
    let left = FLUSHED
    for (const flushable of due) {
      if (left-- <= 0 || (left % LOOKED_AT === 0 && this.#clock.nowMs() > untilMs)) return false
      due.delete(flushable)
      flushable.flush(isBurst)
    }
    return true
  }

  #end({ channels }: Round): void {
    this.#round = undefined
    for (const channel of channels) channel.flushed()
    if (this.#channels.length > 0 || this.#due.size > 0) this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.soon(() => {
      if (this.#isScheduled) this.run()
    })
  }
}

/** A channel is visited when its first reader is: what changes from then on is for the next visit. */
function* readersOf(channels: readonly DueChannel[]): Generator<{ wake(): Flushable }, void> {
  for (const channel of channels) {
    channel.isDue = false
    yield* channel.readers
  }
}
