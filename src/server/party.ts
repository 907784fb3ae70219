import { hash } from 'node:crypto'
import type { ContextOf, Loose } from './options.ts'
import type { Id } from '../protocol/index.ts'

/** Who is on a connection. */
export interface Party {
  readonly user: string | null
  /** `null` where the connection only sends. */
  readonly session: Id | null
  /** The sender that its `hello` named. A secret. */
  readonly sender: Id
  /** What the app said of it, besides who it is: as of the last credential. `null` where it was not asked. */
  context: ContextOf<Loose> | null
}

/**
 * What a message is known by, whoever else may use its id: nobody can make the key of another user's message, nor of
 * one that an anonymous browser sent. It is the same for every repetition, on every server, and says nothing of what
 * it was made of but the user to who can guess it.
 */
export function messageKey({ user, sender }: Pick<Party, 'user' | 'sender'>, id: Id): string {
  const from = user === null ? ['sender', sender] : ['user', user]
  return hash('sha256', JSON.stringify([...from, id]), 'base64url')
}
