/** Messages that may come between `hello` and its answer. */
const MAX_EARLY_FRAMES = 32

/**
 * What comes before `hello` is answered: there is nothing a client has to say then, and a little is kept for those that
 * do not wait.
 */
export class EarlyMessages {
  readonly #most: number
  #texts: string[] = []
  #units = 0

  /** @param most UTF-16 units that are kept */
  constructor(most: number) {
    this.#most = most
  }

  /** Keeps a message; false when that is one too many. */
  keep(text: string): boolean {
    this.#units += text.length
    if (this.#texts.length >= MAX_EARLY_FRAMES || this.#units > this.#most) return false
    this.#texts.push(text)
    return true
  }

  /** Gives what was kept, once. */
  take(): readonly string[] {
    return this.#texts.splice(0)
  }
}
