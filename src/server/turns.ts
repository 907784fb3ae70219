import { Chain, Link } from './chain.ts'
import type { Clock } from './ports.ts'
import { RateBucket } from './rate-bucket.ts'

/** How often those are looked at who wait for their turn. */
const EVERY_MS = 50

/** Somebody who waits for a turn. */
export interface Turn {
  /** Resolves when it has come, or nobody waits for it any more. */
  readonly come: Promise<void>
  /** Nobody waits for it any more: it takes nobody's place. */
  giveUp(): void
}

/** Lets so many through at once and per second; the others wait, in the order they came. */
export class Turns {
  readonly #clock: Clock
  readonly #bucket: RateBucket
  /** What resolves the turn of each. */
  readonly #waiting = new Chain<() => void>()
  #isTimed = false

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock
    this.#bucket = new RateBucket(perSecond, burst, clock.nowMs())
  }

  /** One's turn that is still to come, or nothing where it has. */
  turn(): Turn | undefined {
    if (this.#waiting.first === undefined && this.#bucket.take(1, this.#clock.nowMs())) return undefined
    let resolve = (): void => {}
    const come = new Promise<void>((resolved) => (resolve = resolved))
    const link = new Link(resolve)
    this.#waiting.append(link)
    this.#time()
    const giveUp = (): void => {
      this.#waiting.remove(link)
      resolve()
    }
    return { come, giveUp }
  }

  #time(): void {
    if (this.#isTimed) return
    this.#isTimed = true
    this.#clock.setTimer(EVERY_MS, () => {
      this.#isTimed = false
      const nowMs = this.#clock.nowMs()
      while (this.#waiting.first !== undefined && this.#bucket.take(1, nowMs)) this.#waiting.takeFirst()?.()
      if (this.#waiting.first !== undefined) this.#time()
    })
  }
}
