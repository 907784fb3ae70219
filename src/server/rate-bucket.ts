/** A token bucket: `burst` at once, `perSecond` on average. */
export class RateBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #filledAtMs: number

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1_000
    this.#burst = burst
    this.#tokens = burst
    this.#filledAtMs = nowMs
  }

  /** Whether nothing was taken for so long that it is as if it were new. */
  isFull(nowMs: number): boolean {
    return this.take(0, nowMs) && this.#tokens >= this.#burst
  }

  /** Takes `count` tokens when there are as many; otherwise takes none and says so. */
  take(count: number, nowMs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) * this.#perMs)
    this.#filledAtMs = nowMs
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }
}
