import { isNewer, parseHubLock, parseLeaderLock, type LiveHub } from './lock-names.ts'

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

/**
 * Resolves when whoever holds the lock `name` is gone. Never settles after `signal` aborted, nor when the browser drops
 * the request.
 */
export function whenFree(locks: Locks, name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const free = (): void => {
      if (!signal.aborted) resolve()
    }
    // Rejected by the abort, or by a browser that empties the queue of a page it caches: neither says that the holder
    // is gone.
    locks.request(name, { mode: 'shared', signal }, free).catch(() => {})
  })
}

/**
 * Whether somebody holds the lock `name`, as far as can be seen from here. Once a site's storage was cleared Chromium
 * leaves pages and workers in the lock table they have, and gives whatever starts later another one: whoever answers
 * though nobody seems to hold its lock lives in another table, where no death can be waited for.
 */
export async function isHeld(locks: Locks, name: string): Promise<boolean> {
  return (await namesHeld(locks)).includes(name)
}

/** The hubs of `scope` that live now, the newest first. */
export async function livingHubs(locks: Locks, scope: string): Promise<readonly LiveHub[]> {
  return hubsAmong(await namesHeld(locks), scope)
}

/**
 * The hub of `scope` that tabs are to go to; `null` when there is none. One that was elected and has not begun yet
 * comes first, without a `url`.
 */
export async function newestHub(locks: Locks, scope: string): Promise<LiveHub | null> {
  const names = await namesHeld(locks)
  const hubs = hubsAmong(names, scope)
  const [newest = null] = hubs
  // A page that is frozen keeps this lock, though others took that of its hub long ago: they turned to a later
  // generation.
  const isBeginning = ({ generation }: { readonly generation: number }): boolean =>
    hubs.every((hub) => hub.generation < generation || (hub.generation === generation && hub.rung === 'shared'))
  const [elected] = names
    .flatMap((name) => parseLeaderLock(scope, name) ?? [])
    .filter(isBeginning)
    .toSorted((one, other) => other.generation - one.generation)
  if (!elected) return newest
  const { generation, build } = elected
  return { epoch: newest ? newest.epoch + 1 : 0, instance: '', generation, rung: 'elected', build, url: '' }
}

function hubsAmong(names: readonly string[], scope: string): readonly LiveHub[] {
  return names.flatMap((name) => parseHubLock(scope, name) ?? []).toSorted((one, other) => (isNewer(one, other) ? -1 : 1))
}

/**
 * The locks that say "alive". Shared ones are of pages that waited for an end ({@link whenFree}): one that stands still
 * keeps them for as long as it does.
 */
async function namesHeld(locks: Locks): Promise<readonly string[]> {
  const { held = [] } = await locks.query()
  return held.filter(({ mode }) => mode !== 'shared').map(({ name = '' }) => name)
}
