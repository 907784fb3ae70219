import type { SendOnlyEnd } from '../src/core/state.ts'

/** What a `sync` event rejects with when messages are left that another one may send: there is no other way to be called again. */
export class MessagesLeft extends Error {
  constructor(why: string) {
    super(`holdfast: messages are left in the outbox (${why})`)
  }
}

/** Sends for one event of a scope at a time; who asks meanwhile gets its outcome. Rejects with {@link MessagesLeft}. */
export function createSender(send: (scope: string) => Promise<SendOnlyEnd>): (scope: string) => Promise<void> {
  const running = new Map<string, Promise<SendOnlyEnd>>()
  return async (scope) => {
    const sending = running.get(scope) ?? send(scope).finally(() => running.delete(scope))
    running.set(scope, sending)
    const { end, why } = await sending
    if (end === 'again') throw new MessagesLeft(why)
  }
}
