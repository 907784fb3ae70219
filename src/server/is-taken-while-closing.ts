import type { ClientMessage } from '../protocol/index.ts'

const TAKEN: ReadonlySet<ClientMessage['type']> = new Set(['ping', 'unsubscribe', 'sign_out'])

/**
 * Whether a server that closes still takes such a message: what begins no work. Nothing is said about the others: the
 * client asks, or sends them, again where it comes next.
 */
export function isTakenWhileClosing({ type }: ClientMessage): boolean {
  return TAKEN.has(type)
}
