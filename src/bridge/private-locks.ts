import type { Locks } from './liveness.ts'

interface Request {
  readonly name: string
  readonly mode: LockMode
  readonly grant: () => void
  readonly lose: () => void
}

/** Web Locks in memory, for who has a table of its own: where the browser refuses its own, and in tests. */
export class PrivateLocks implements Locks {
  #held: Request[] = []
  #waiting: Request[] = []

  request = ((name: string, ...rest: unknown[]): Promise<unknown> => {
    const run = rest.at(-1) as (lock: { name: string }) => unknown
    const { mode = 'exclusive', signal, steal = false } = (rest.length > 1 ? rest[0] : {}) as LockOptions
    return new Promise((resolve, reject) => {
      let isRunning = false
      const free = (): void => {
        this.#held = this.#held.filter((other) => other !== request)
        this.#grant()
      }
      const request: Request = {
        name,
        mode,
        grant: () =>
          void Promise.resolve()
            .then(() => {
              if (signal?.aborted === true) return undefined
              isRunning = true
              return run({ name })
            })
            .then(resolve, reject)
            .finally(free),
        lose: () => {
          reject(new DOMException('the lock was taken away', 'AbortError'))
          free()
        },
      }
      // Up to the moment the callback runs, even when the lock is granted already.
      signal?.addEventListener('abort', () => {
        if (isRunning) return
        this.#waiting = this.#waiting.filter((other) => other !== request)
        reject(signal.reason as Error)
        free()
      })
      // Whoever steals goes before all that wait.
      if (steal) this.#waiting.unshift(request)
      else this.#waiting.push(request)
      if (steal) this.take(name)
      this.#grant()
    })
  }) as LockManager['request']

  query(): Promise<LockManagerSnapshot> {
    const infos = (requests: readonly Request[]): LockInfo[] => requests.map(({ name, mode }) => ({ name, mode }))
    return Promise.resolve({ held: infos(this.#held), pending: infos(this.#waiting) })
  }

  /** Ends the lock `name` against its holder's will, as a holder that dies does, or a browser that takes it away. */
  take(name: string): void {
    for (const held of this.#held.filter((other) => other.name === name)) held.lose()
  }

  #grant(): void {
    for (const request of this.#waiting) {
      const others = this.#held.filter(({ name }) => name === request.name)
      if (others.length > 0 && (request.mode === 'exclusive' || others.some(({ mode }) => mode === 'exclusive'))) continue
      this.#waiting = this.#waiting.filter((other) => other !== request)
      this.#held.push(request)
      request.grant()
    }
  }
}
