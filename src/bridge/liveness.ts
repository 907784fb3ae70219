import { hubGeneration, leaderGeneration } from './lock-names.ts'

/** The part of `navigator.locks` that is used. */
export type Locks = Pick<LockManager, 'request' | 'query'>

/** A lock that says "alive" until it is released or its holder dies. */
export interface HeldLock {
  readonly name: string
  /** `false` once the browser took it away, as WebKit does when a page enters the back–forward cache. */
  isHeld(): boolean
  release(): void
}

/**
 * Takes the lock `name`; resolves when it is held. Rejects as the browser does, for instance without a secure context.
 * @param taken called when the browser took the lock away
 */
export function holdLock(locks: Locks, name: string, taken: () => void = () => {}): Promise<HeldLock> {
  return new Promise((resolve, reject) => {
    let held = false
    const hold = (): Promise<void> => {
      held = true
      return new Promise((release) => resolve({ name, isHeld: () => held, release }))
    }
    locks.request(name, hold).then(
      () => (held = false),
      (error: Error) => {
        if (held) taken()
        else reject(error)
        held = false
      },
    )
  })
}

/** Resolves when whoever holds the lock `name` is gone. Never settles after `signal` aborted, nor when the browser drops the request. */
export function whenFree(locks: Locks, name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const free = (): void => {
      if (!signal.aborted) resolve()
    }
    // Rejected by the abort, or by a browser that empties the queue of a page it caches: neither says that the holder is gone.
    locks.request(name, { mode: 'shared', signal }, free).catch(() => {})
  })
}

/** Where a hub runs: in a SharedWorker, or in a worker of the tab that was elected. */
export type Rung = 'shared' | 'elected'

/** The newest hub of `scope` that lives now: its generation, 0 when there is none, and where it runs. */
export async function newestHub(locks: Locks, scope: string): Promise<{ readonly generation: number; readonly rung: Rung | null }> {
  const { held = [] } = await locks.query()
  const names = held.map(({ name = '' }) => name)
  const leader = Math.max(-1, ...names.map((name) => leaderGeneration(scope, name) ?? -1))
  const isAnyHub = names.some((name) => name.startsWith(`holdfast:${scope}:hub:`))
  const generation = Math.max(0, leader, ...names.map((name) => hubGeneration(scope, name)))
  return { generation, rung: leader === generation ? 'elected' : isAnyHub ? 'shared' : null }
}
