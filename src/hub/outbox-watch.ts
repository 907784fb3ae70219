import type { Runtime } from '../core/runtime.ts'
import { possiblySentThrough } from '../core/sending.ts'

/**
 * Says whether the outbox shows something else than when it was asked last: most of what happens is about channels
 * only.
 */
export function createOutboxWatch(): (runtime: Runtime) => boolean {
  let shown: readonly unknown[] = []
  return ({ state, parked }) => {
    const facts = [state.outbox, possiblySentThrough(state), parked.size]
    if (facts.every((fact, at) => fact === shown[at])) return false
    shown = facts
    return true
  }
}
