/** A token bucket: `burst` at once, `perSecond` on average. */
export class RateBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #filledAtMs: number
  #stoodMs = 0

  constructor(perSecond: number, burst: number, nowMs: number, stoodMs: number = 0) {
    this.#perMs = perSecond / 1_000
    this.#burst = burst
    this.#tokens = burst
    this.#filledAtMs = nowMs
    this.#stoodMs = stoodMs
  }

  /** Whether nothing was taken for so long that it is as if it were new. */
  isFull(nowMs: number): boolean {
    return this.take(0, nowMs) && this.#tokens >= this.#burst
  }

  /** Takes `count` tokens when there are as many; otherwise takes none and says so. */
  take(count: number, nowMs: number): boolean {
    this.#fill(nowMs)
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }

  /**
   * Takes `count` tokens, though there may be fewer: what is missing is owed.
   * @param stoodMs how long the process stood still so far. What a peer was free to send meanwhile comes at once, and is
   * no burst of its own.
   */
  spend(count: number, nowMs: number, stoodMs: number): void {
    this.#fill(nowMs, stoodMs)
    this.#tokens -= count
  }

  /** Until nothing is owed. */
  owedMs(nowMs: number, stoodMs: number): number {
    this.#fill(nowMs, stoodMs)
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs)
  }

  #fill(nowMs: number, stoodMs: number = this.#stoodMs): void {
    const stood = Math.min(LONGEST_STOOD_MS, stoodMs - this.#stoodMs)
    const filled = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) * this.#perMs)
    // What is above the burst came of standing still, and stays until it is used.
    this.#tokens = Math.min(this.#burst + LONGEST_STOOD_MS * this.#perMs, Math.max(this.#tokens, filled) + stood * this.#perMs)
    this.#filledAtMs = nowMs
    this.#stoodMs = stoodMs
  }
}

/** No client sends into a silence for longer: it gives the socket up. */
const LONGEST_STOOD_MS = 60_000
