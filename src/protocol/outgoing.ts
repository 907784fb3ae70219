import { CONTROL, droppedText, endOfPiece, fits, PART_BYTES, partHead, REPORT_UNITS, type Frame } from './frames.ts'

/** What may be on its way before the first report has come, and always. */
const FIRST_WINDOW = 2 * PART_BYTES + REPORT_UNITS
const LEAST_WINDOW = PART_BYTES
/** What may be on its way on the fastest line. */
const MOST_WINDOW = 2 ** 22
/**
 * So long a frame may lie in the queues of the network beyond what the way takes: more of them only makes what follows
 * wait.
 */
const QUEUE_MS = 500
/** The shortest part on a slow line. */
const SHORT_PART_BYTES = 4_096

/** What sending needs of its socket. */
export interface OutgoingHost {
  /** Milliseconds that never go back. */
  nowMs(): number
  /** Puts a frame on the socket. */
  write(frame: Frame): void
  /** Whether the socket holds more than it should already. */
  isFull?(): boolean
  /** It is the turn of what waits outside the lanes: sends one frame of it. False when nothing waits. */
  pull?(): boolean
  /** Much was sent at once: `pump` is to be called again when others had their turn. */
  goOn?(): void
}

interface Lane {
  readonly frames: Frame[]
  /** Units of the first frame that are on their way. */
  at: number
}

interface Flight {
  readonly units: number
  readonly atMs: number
  /** All that was on its way then, with it. */
  readonly ahead: number
}

/** Frames that one call sends at most, where others have to have their turn. */
const TURN_FRAMES = 16

/**
 * The sending end of a socket. What is longer than a part is cut, lanes take turns, and no more is on its way than the
 * receiver's reports show to arrive soon: a socket's own buffer tells nothing. Sizes are UTF-16 units, as near to bytes
 * as it takes.
 */
export class Outgoing {
  /** Longest frame, in bytes. */
  partBytes: number = PART_BYTES
  /** The receiver knows neither parts nor reports: everything travels whole, and only the socket holds it up. */
  isPlain = false
  /** Units that were reported so far. */
  moved = 0
  readonly #host: OutgoingHost
  readonly #lanes = new Map<number, Lane>()
  #flights: Flight[] = []
  #inFlight = 0
  #queued = 0
  #written = 0
  /** How many of them were no flights: written while the receiver was taken for one that reports nothing. */
  #unwatched = 0
  #reported = 0
  #window = FIRST_WINDOW
  #shortestMs = Infinity
  /** The window was shrunk when this frame was the last: what was sent before says nothing new. */
  #shrunkAt = 0
  #isLimited = false
  #isPumping = false
  /** Lanes that have their turn before what waits outside. */
  #turns = 0

  constructor(host: OutgoingHost) {
    this.#host = host
  }

  /** Units that wait for room. */
  get queued(): number {
    return this.#queued
  }

  /** Whether the receiver must have reported more when all had arrived. */
  get isOwed(): boolean {
    return this.#inFlight > REPORT_UNITS
  }

  /** Whether something of the lane waits for room. */
  isBusy(lane: number): boolean {
    return this.#lanes.has(lane)
  }

  /** Sends in the order of the lane. What is short and about the connection itself leaves at once. */
  send(lane: number, frame: Frame): void {
    const queue = this.#lanes.get(lane)
    if (queue === undefined && (lane === CONTROL || this.#hasRoom()) && this.#isWhole(frame)) return this.now(frame)
    if (queue) queue.frames.push(frame)
    else this.#lanes.set(lane, { frames: [frame], at: 0 })
    this.#queued += frame.text.length
    this.pump()
  }

  /** Puts a frame on the socket, ahead of all that waits. */
  now(frame: Frame): void {
    const units = frame.text.length
    this.#written++
    if (this.isPlain) {
      this.#unwatched = this.#written
      return this.#host.write(frame)
    }
    this.#inFlight += units
    this.#flights.push({ units, atMs: this.#host.nowMs(), ahead: this.#inFlight })
    this.#host.write(frame)
  }

  /** What waits on the lane is not wanted any more. */
  drop(lane: number): void {
    const queue = this.#lanes.get(lane)
    if (!queue) return
    this.#lanes.delete(lane)
    for (const { text } of queue.frames) this.#queued -= text.length
    this.#queued += queue.at
    if (queue.at > 0) this.now({ text: droppedText(lane) })
  }

  /** Puts on the socket all that waits on the lane, whatever the window says: the socket is about to be closed. */
  finish(lane: number): void {
    const queue = this.#lanes.get(lane)
    if (!queue) return
    this.#lanes.delete(lane)
    while (queue.frames.length > 0) this.now(this.#take(lane, queue))
  }

  /** The receiver has got so many frames. False when that cannot be. */
  reported(frames: number): boolean {
    const before = Math.max(this.#reported, this.#unwatched)
    if (frames < this.#reported || frames > this.#written) return false
    this.#reported = frames
    const arrived = this.#flights.splice(0, Math.max(0, frames - before))
    const last = arrived[arrived.length - 1]
    if (!last) return true
    let units = 0
    for (const flight of arrived) units += flight.units
    this.#inFlight -= units
    this.moved += units
    this.#fit(units, last)
    this.pump()
    return true
  }

  /** Sends what there is room for. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      for (let sent = 0; ; sent++) {
        if (!this.#hasRoom()) {
          this.#isLimited = true
          return
        }
        if (this.#host.goOn && sent === TURN_FRAMES) return this.#host.goOn()
        if (!this.#sendNext()) return
      }
    } finally {
      this.#isPumping = false
    }
  }

  #sendNext(): boolean {
    const [next] = this.#lanes
    if (this.#turns <= 0 || !next) {
      this.#turns = this.#lanes.size
      if (this.#host.pull?.()) return true
    }
    if (!next) return false
    this.#turns--
    const [number, lane] = next
    this.#lanes.delete(number)
    const frame = this.#take(number, lane)
    if (lane.frames.length > 0) this.#lanes.set(number, lane)
    this.now(frame)
    return true
  }

  /** The next frame of a lane: a whole message, or a part of one. */
  #take(number: number, lane: Lane): Frame {
    const [frame = { text: '' }] = lane.frames
    const { text } = frame
    if (lane.at === 0 && this.#isWhole(frame)) {
      lane.frames.shift()
      this.#queued -= text.length
      return frame
    }
    const from = lane.at
    const head = partHead(number, false).length
    const end = endOfPiece(text, from, this.#part() - head)
    const isLast = end === text.length
    this.#queued -= end - from
    if (isLast) lane.frames.shift()
    lane.at = isLast ? 0 : end
    return { text: partHead(number, isLast) + text.slice(from, end) }
  }

  /** Longest part now: a slow line gets shorter ones, so that something arrives every few seconds. */
  #part(): number {
    return Math.min(this.partBytes, Math.max(SHORT_PART_BYTES, this.#window / 2))
  }

  #isWhole(frame: Frame): boolean {
    return this.isPlain || fits(frame, this.partBytes)
  }

  #hasRoom(): boolean {
    if (this.#host.isFull?.()) return false
    if (this.isPlain) return true
    // A receiver keeps so much to itself.
    return this.#inFlight <= REPORT_UNITS || this.#inFlight + this.#part() <= this.#window
  }

  /** As much may be on its way as arrives within the shortest time that was seen, and a little longer. */
  #fit(units: number, { atMs, ahead }: Flight): void {
    const tookMs = Math.max(1, this.#host.nowMs() - atMs)
    this.#shortestMs = Math.min(this.#shortestMs, tookMs)
    const longestMs = this.#shortestMs + QUEUE_MS
    if (tookMs <= longestMs) {
      if (this.#isLimited) this.#window = Math.min(MOST_WINDOW, this.#window + units)
    } else if (this.#reported > this.#shrunkAt) {
      this.#window = Math.max(LEAST_WINDOW, Math.floor((ahead * longestMs) / tookMs))
      this.#shrunkAt = this.#written
    }
    this.#isLimited = false
  }
}
