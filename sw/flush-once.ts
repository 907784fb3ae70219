import type { FlushEnd } from './flush-outbox.ts'

/** Runs one flush of a scope at a time; who asks meanwhile gets its outcome. Rejects when messages are left that another try may send: the only way to be called again. */
export function createFlusher(flush: (scope: string) => Promise<FlushEnd>): (scope: string) => Promise<void> {
  const running = new Map<string, Promise<FlushEnd>>()
  return async (scope) => {
    const flushing = running.get(scope) ?? flush(scope).finally(() => running.delete(scope))
    running.set(scope, flushing)
    const { end, why } = await flushing
    if (end === 'again') throw new Error(`holdfast: messages are left in the outbox (${why})`)
  }
}
