import { holdLock, livingHubs, type HeldLock } from '../bridge/liveness.ts'
import { hubLockName, isNewer, ownerLockName, type LiveHub } from '../bridge/lock-names.ts'
import type { Id } from '../protocol/messages.ts'
import { takeOverAfterMs, takeOwnerLock, type OwnerLock } from './owner-lock.ts'
import type { HubMark, HubPlatform } from './platform.ts'

/**
 * The place of one hub among all hubs of its scope, whatever builds they are of: after which it comes, and which comes
 * after it.
 */
export interface Succession {
  /** Resolves with the name of this hub's lock when it is held: from then on tabs find this hub. */
  readonly entered: Promise<string>
  /**
   * Asks the older hubs to let go and waits for the owner lock. Rejects when this hub has left, or given it back,
   * meanwhile.
   */
  own(): Promise<OwnerLock>
  /** Holds the owner lock no longer, nor waits for it, until it is to {@link own} again. */
  giveBack(): void
  /** Gives everything up. Nothing is heard any more. */
  leave(): void
}

/**
 * Enters a hub into the register of those that live. It comes after all that live now: only a page that was just
 * loaded, and tabs whose hub did not answer, start a hub beside another one, so that no clock and no build number has
 * to say what is newer, and going back to an older build is no other case.
 * @param superseded told when a newer hub asks this one to let go
 */
export function createSuccession(platform: HubPlatform, instance: Id, superseded: () => void): Succession {
  const { locks, scope, generation, build, url, hubs, shared } = platform
  const over = new AbortController()
  const entering = enter()
  let owning: { readonly lock: Promise<OwnerLock>; readonly over: AbortController } | null = null

  async function enter(): Promise<{ readonly mine: LiveHub; readonly held: HeldLock }> {
    const [newest] = await livingHubs(locks, scope)
    const epoch = Math.max(generation, newest ? newest.epoch + 1 : 0)
    const mine: LiveHub = { epoch, instance, generation, rung: shared ? 'shared' : 'elected', build, url }
    return { mine, held: await holdLock(locks, hubLockName(scope, mine), superseded) }
  }

  const seen = async (): Promise<readonly Id[]> => (await livingHubs(locks, scope)).map((hub) => hub.instance)

  async function announce({ epoch }: LiveHub): Promise<void> {
    hubs.tell({ epoch, instance, sees: await seen() })
  }

  /**
   * Neither sees the other: each is in a lock table of its own, where it may have the owner lock, and both use the same
   * database. The site was cleared after this one had started, or will have been when the other's tabs look again;
   * nobody who comes from now on sees this one.
   */
  async function isApart(other: HubMark): Promise<boolean> {
    return !other.sees.includes(instance) && !(await seen()).includes(other.instance)
  }

  hubs.listen((other) => {
    if (over.signal.aborted || other.instance === instance) return
    void entering.then(async ({ mine }) => {
      if (isNewer(other, mine) || (await isApart(other))) superseded()
      // It began at the same moment, or slept: it does not know of this one.
      else if (owning) await announce(mine)
    })
  })

  async function own(signal: AbortSignal): Promise<OwnerLock> {
    const { mine } = await entering
    signal.throwIfAborted()
    await announce(mine)
    signal.throwIfAborted()
    const patienceMs = takeOverAfterMs(shared, mine.epoch)
    const owned = await takeOwnerLock(locks, platform.clock, ownerLockName(scope), patienceMs, signal)
    if (owned.wasTaken) await bury(mine)
    return owned
  }

  /**
   * The one before does not answer. Without its lock its tabs leave it at once, instead of when they next ask it for
   * something.
   */
  async function bury(mine: LiveHub): Promise<void> {
    const older = (await livingHubs(locks, scope)).filter((hub) => isNewer(mine, hub))
    await Promise.all(older.map((hub) => locks.request(hubLockName(scope, hub), { steal: true }, () => {})))
  }

  const giveBack = (): void => {
    owning?.over.abort()
    // A hub that was late in learning that it owns nothing may have taken the store from the one that does: neither
    // goes on.
    owning?.lock.then(
      (owned) => owned.release(),
      () => {},
    )
    owning = null
  }

  return {
    entered: entering.then(({ held }) => held.name),
    own() {
      if (!owning) {
        const ended = new AbortController()
        owning = { lock: own(ended.signal), over: ended }
      }
      return owning.lock
    },
    giveBack,
    leave() {
      over.abort()
      giveBack()
      void entering.then(({ held }) => held.release())
    },
  }
}
