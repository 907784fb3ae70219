import type { Locks } from '../../bridge/liveness.ts'
import type { PrivateLocks } from '../../bridge/private-locks.ts'
import type { SteadyClock } from '../../core/ports.ts'
import { whileAlive, type Life } from '../../storage/testing/scheduled-store.ts'

/** A page or a worker that may die at any await: its locks are free the moment it dies. */
export interface WorkerLife extends Life {
  readonly died: Promise<void>
  die(): void
}

/** Begins a life. */
export function beginLife(): WorkerLife {
  let died = (): void => {}
  const life: WorkerLife = {
    isAlive: true,
    died: new Promise((resolve) => (died = resolve)),
    die() {
      life.isAlive = false
      died()
    },
  }
  return life
}

/** Locks as this worker asks for them. That one was taken away it learns at a time of its own. */
export function locksOf(locks: PrivateLocks, life: WorkerLife, schedule: (label: string) => Promise<void>): Locks {
  const request = (name: string, ...rest: unknown[]): Promise<unknown> => {
    const run = rest.at(-1) as (lock: Lock | null) => unknown
    const options = (rest.length > 1 ? rest[0] : {}) as LockOptions
    return locks
      .request(name, options, (lock) => (life.isAlive ? Promise.race([run(lock), life.died]) : null))
      .catch(async (error: unknown) => {
        await schedule('lock lost')
        await whileAlive(life)
        throw error
      })
  }
  return { request, query: () => locks.query() }
}

/** The clock as this worker sees it: its timers die with it. */
export function clockOf(clock: SteadyClock, life: WorkerLife): SteadyClock {
  return {
    steadyMs: () => clock.steadyMs(),
    nowMs: () => clock.nowMs(),
    setTimer: (delayMs, run) => clock.setTimer(delayMs, () => life.isAlive && run()),
  }
}

/** Two ends of a port: in each direction everything arrives in order, at a time of its own. What arrives at a dead end is lost. */
export function scheduledPorts(schedule: (label: string) => Promise<void>, lives: readonly [Life, Life]): [MessagePort, MessagePort] {
  const ends = lives.map((life) => ({
    life,
    isClosed: false,
    listeners: [] as ((event: { data: unknown }) => void)[],
    queue: [] as unknown[],
  }))
  const portOf = (mine: number): MessagePort => {
    const [end, other] = [ends[mine], ends[1 - mine]]
    if (!end || !other) throw new Error('a port has two ends')
    return {
      addEventListener: (_type: string, listener: (event: { data: unknown }) => void) => void end.listeners.push(listener),
      start() {},
      close: () => void (end.isClosed = true),
      postMessage(data: unknown) {
        if (end.isClosed || !end.life.isAlive) return
        other.queue.push(structuredClone(data))
        void schedule('port')
          .then(() => whileAlive(other.life))
          .then(() => {
            const next = other.queue.shift()
            if (!other.isClosed) for (const listener of other.listeners) listener({ data: next })
          })
      },
    } as unknown as MessagePort
  }
  return [portOf(0), portOf(1)]
}
