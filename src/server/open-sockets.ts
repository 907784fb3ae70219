/** Sockets that were accepted and are not gone yet, whether or not their connection still counts. */
export class OpenSockets {
  readonly #open = new Set<object>()
  #waiting: (() => void)[] = []

  opened(connection: object): void {
    this.#open.add(connection)
  }

  gone(connection: object): void {
    this.#open.delete(connection)
    if (this.#open.size === 0) for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Resolves when there is none. */
  whenNone(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.size === 0) resolve()
      else this.#waiting.push(resolve)
    })
  }
}
