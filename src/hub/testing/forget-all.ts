import { emptyMemory } from '../../storage/fate-memory.ts'
import type { MemoryContents } from '../../storage/memory-store.ts'

/** Leaves a memory as if it had no room: all that it took and that has ended is forgotten. */
export function forgetAll({ stored }: MemoryContents): void {
  if (!stored) return
  const { head } = stored.memory
  stored.memory = { ...emptyMemory(head.memory), head: { ...head, forgottenThrough: head.taken } }
}
