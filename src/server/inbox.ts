import { UNCOUNTED_UNITS } from '../protocol/frames.ts'
import { NOBODY, type FairTurns, type Reader } from './fair-turns.ts'
import type { ReadingPace } from './reading-pace.ts'
import type { Clock, ServerSocket } from './ports.ts'

/** What an inbox needs of its connection. */
export interface InboxHost {
  readonly clock: Clock
  readonly socket: Pick<ServerSocket, 'hold'>
  readonly pace: ReadingPace
  readonly fairTurns: FairTurns
  /** Largest message. */
  readonly frameBytes: number
  /** Whether the connection can take nothing now; {@link Inbox.go} is called when it can again. */
  isBusy(): boolean
  /** Takes a frame. */
  take(text: string): void
  /** More came than may wait. */
  overrun(): void
}

/** What a host may have read already when it is told to stop, beside one whole message; only one that cannot stop brings more. */
const READ_AHEAD_UNITS = 262_144
/** A socket that is not read for a moment is not read for so long at least: each change is a call of the system. */
const LEAST_HOLD_MS = 50

/** What came on a socket, in order. While something waits for its turn, or more was read than is due, the socket is not read. */
export class Inbox implements Reader {
  holder: string = NOBODY
  readonly #host: InboxHost
  #waiting: string[] = []
  #next = 0
  #units = 0
  #isHeld = false
  #isGoing = false
  #isOver = false
  #cancel: (() => void) | undefined

  constructor(host: InboxHost) {
    this.#host = host
  }

  /** Whether the socket is not read now. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** A frame came. */
  push(text: string): void {
    this.#waiting.push(text)
    this.#units += text.length
    this.go()
    if (this.#units > this.#host.frameBytes + READ_AHEAD_UNITS) this.#host.overrun()
  }

  /** A frame came that the host has answered. */
  passed(): void {
    this.#host.pace.frame()
    this.go()
  }

  /** Takes what may be taken now. */
  go(): void {
    if (this.#isGoing || this.#isOver) return
    this.#isGoing = true
    const { pace, fairTurns } = this.#host
    const mayTake = (): boolean => this.#next < this.#waiting.length && this.#cancel === undefined && !this.#host.isBusy()
    while (mayTake() && fairTurns.mayGo(this)) {
      const text = this.#waiting[this.#next++] ?? ''
      this.#units -= text.length
      // What is much longer than the others pays for itself.
      if (text.length < UNCOUNTED_UNITS) pace.frame()
      this.#host.take(text)
      this.#rest()
    }
    if (this.#next >= this.#waiting.length) {
      this.#waiting = []
      this.#next = 0
    }
    this.#isGoing = false
    if (this.#isOver) return
    this.#rest()
    this.#hold(this.#waiting.length > 0 || this.#cancel !== undefined)
  }

  /** The connection is over. */
  end(): void {
    this.#isOver = true
    this.#host.fairTurns.leave(this)
    this.#cancel?.()
    this.#cancel = undefined
    this.#waiting = []
    this.#next = this.#units = 0
    this.#hold(false)
  }

  /** Pays what is owed by waiting. */
  #rest(): void {
    if (this.#isOver || this.#cancel !== undefined) return
    const { clock, pace } = this.#host
    const owedMs = pace.owedMs()
    if (owedMs === 0) return
    this.#cancel = clock.setTimer(Math.max(LEAST_HOLD_MS, owedMs), () => {
      this.#cancel = undefined
      this.go()
    })
  }

  #hold(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return
    this.#isHeld = isHeld
    this.#host.socket.hold?.(isHeld)
  }
}
