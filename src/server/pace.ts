/** A line that carries so many bytes a second is never ended for being slow. */
const FLOOR_BYTES_PER_SECOND = 4_096

/** What is ended moves at less than this share of it: what is measured comes in lumps. */
const SHARE = 1 / 4

/** Whether so many bytes in that time are less than what is never ended. */
export function isBelowFloor(bytes: number, passedMs: number): boolean {
  return bytes < (passedMs / 1_000) * FLOOR_BYTES_PER_SECOND * SHARE
}

/** Whether a stream that has something to carry carries less than the floor rate. */
export class Pace {
  #sinceMs: number | null = null
  #moved = 0

  /**
   * To be asked about once a second; `moved` is all that has arrived so far, in bytes, and `isOwed` whether more is on
   * its way.
   */
  isTooSlow(nowMs: number, patienceMs: number, isOwed: boolean, moved: number): boolean {
    if (!isOwed || this.#sinceMs === null) {
      this.#sinceMs = isOwed ? nowMs : null
      this.#moved = moved
      return false
    }
    const passedMs = nowMs - this.#sinceMs
    if (passedMs < patienceMs) return false
    if (isBelowFloor(moved - this.#moved, passedMs)) return true
    this.#sinceMs = nowMs
    this.#moved = moved
    return false
  }
}
