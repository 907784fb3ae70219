import type { Locks } from '../../src/bridge/liveness.ts'
import type { Process } from './process.ts'
import type { Schedule } from './schedule.ts'

interface Request {
  readonly process: Process
  readonly name: string
  readonly isShared: boolean
  readonly sinceMs: number
  readonly grant: () => void
  readonly lose: () => void
}

/** The Web Locks of one browser. */
export class LockTable {
  readonly #schedule: Schedule
  readonly #delayMs: () => number
  #held: Request[] = []
  #waiting: Request[] = []
  /** Taken away from processes that have not heard of it. */
  readonly #lost = new Set<Request>()

  /** @param delayMs how long the browser takes to tell that a lock was granted */
  constructor(schedule: Schedule, delayMs: () => number) {
    this.#schedule = schedule
    this.#delayMs = delayMs
  }

  /** The locks as one process sees them; they are free when it ends. */
  of(process: Process): Locks {
    process.onEnd(() => {
      this.#held = this.#held.filter((request) => request.process !== process)
      this.#waiting = this.#waiting.filter((request) => request.process !== process)
      this.#grant()
    })
    return {
      request: (name: string, ...rest: unknown[]) => this.#request(process, name, rest),
      query: () => {
        const held = this.#held.map(({ name, isShared }): LockInfo => ({ name, mode: isShared ? 'shared' : 'exclusive' }))
        const pending = this.#waiting.map(({ name }): LockInfo => ({ name }))
        return Promise.resolve({ held, pending })
      },
    }
  }

  /** Whether the process has the lock, or believes so because it has not heard yet that it was taken away. */
  isHeldBy(process: Process, name: string, mayBelieve: boolean = true): boolean {
    const isIt = (request: Request): boolean => request.process === process && request.name === name
    return this.#held.some(isIt) || (mayBelieve && [...this.#lost].some(isIt))
  }

  /** Since when somebody has been waiting for the lock; `null` when nobody is. */
  waitingSinceMs(name: string): number | null {
    return this.#waiting.find((request) => request.name === name)?.sinceMs ?? null
  }

  /** Takes what a process holds away from it, as WebKit does when a page enters the back–forward cache. */
  takeFrom(process: Process): void {
    for (const held of this.#held.filter((request) => request.process === process)) held.lose()
  }

  #request(process: Process, name: string, rest: readonly unknown[]): Promise<unknown> {
    const run = rest.at(-1) as (lock: { name: string }) => unknown
    const { mode = 'exclusive', signal, steal = false } = (rest.length > 1 ? rest[0] : {}) as LockOptions
    return new Promise((resolve, reject) => {
      let isRunning = false
      const free = (): void => {
        this.#held = this.#held.filter((other) => other !== request)
        this.#grant()
      }
      const request: Request = {
        process,
        name,
        isShared: mode === 'shared',
        sinceMs: this.#schedule.nowMs,
        grant: () =>
          void process.after(this.#delayMs(), () => {
            if (signal?.aborted === true) return
            isRunning = true
            Promise.resolve(run({ name })).then(
              (value) => {
                free()
                resolve(value)
              },
              (error: unknown) => {
                free()
                reject(error)
              },
            )
            // Taken away before it was heard that it was granted: that is heard first all the same.
            if (this.#lost.has(request)) this.#schedule.at(1, () => request.lose())
          }),
        lose: () => {
          this.#lost.add(request)
          if (!isRunning) return free()
          process.post(() => {
            this.#lost.delete(request)
            reject(new DOMException('the lock was taken away', 'AbortError'))
          })
          free()
        },
      }
      // Up to the moment the callback runs, even when the lock is granted already.
      signal?.addEventListener('abort', () => {
        if (isRunning) return
        this.#waiting = this.#waiting.filter((other) => other !== request)
        free()
        reject(signal.reason as Error)
      })
      if (!steal) {
        this.#waiting.push(request)
        return void this.#schedule.at(0, () => this.#grant())
      }
      // Before all others that wait.
      const robbed = this.#held.filter((other) => other.name === name)
      this.#held = [...this.#held.filter((other) => other.name !== name), request]
      for (const held of robbed) held.lose()
      request.grant()
    })
  }

  #grant(): void {
    for (const request of this.#waiting) {
      const others = this.#held.filter(({ name }) => name === request.name)
      if (others.length > 0 && !(request.isShared && others.every(({ isShared }) => isShared))) continue
      this.#waiting = this.#waiting.filter((other) => other !== request)
      this.#held.push(request)
      request.grant()
    }
  }
}
