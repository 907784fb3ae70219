import type { Clock } from './ports.ts'
import { RateBucket } from './rate-bucket.ts'

/** How often those are looked at who wait for their turn. */
const EVERY_MS = 50

/** Lets so many through at once and per second; the others wait, in the order they came. */
export class Turns {
  readonly #clock: Clock
  readonly #bucket: RateBucket
  #waiting: { readonly isWanted: () => boolean; readonly resolve: () => void }[] = []
  #isTimed = false

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock
    this.#bucket = new RateBucket(perSecond, burst, clock.nowMs())
  }

  /**
   * A promise of one's turn, or nothing where it has come.
   * @param isWanted whether somebody still waits for it: who does not takes nobody's turn
   */
  turn(isWanted: () => boolean): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#bucket.take(1, this.#clock.nowMs())) return undefined
    return new Promise((resolve) => {
      this.#waiting.push({ isWanted, resolve })
      this.#time()
    })
  }

  #time(): void {
    if (this.#isTimed) return
    this.#isTimed = true
    this.#clock.setTimer(EVERY_MS, () => {
      this.#isTimed = false
      const nowMs = this.#clock.nowMs()
      const asked = this.#waiting
      this.#waiting = []
      let isOpen = true
      for (const one of asked) {
        const isWanted = one.isWanted()
        isOpen &&= !isWanted || this.#bucket.take(1, nowMs)
        if (isOpen || !isWanted) one.resolve()
        else this.#waiting.push(one)
      }
      if (this.#waiting.length > 0) this.#time()
    })
  }
}
