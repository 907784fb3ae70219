import { livingHubs, type Locks } from '../../bridge/liveness.ts'
import { hubLockName } from '../../bridge/lock-names.ts'
import { id } from '../../core/testing/frames.ts'

/** Takes the newest hub's own lock from it, as a successor does: it lets go. */
export async function buryHub(locks: Locks & { take(name: string): void }): Promise<void> {
  const scope = id('scope')
  const [hub] = await livingHubs(locks, scope)
  if (!hub) throw new Error('no hub lives')
  locks.take(hubLockName(scope, hub))
}
