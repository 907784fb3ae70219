import { createHmac, timingSafeEqual } from 'node:crypto'
import { Buffer } from 'node:buffer'
import type { Id } from '../protocol/index.ts'

/** What an outbox token says: whose outbox it lets in, and until when. */
export interface OutboxGrant {
  readonly client: Id
  readonly user: string | null
  /** Milliseconds since 1970. A wall clock that goes back ends none. */
  readonly endsAtMs: number
  /** How many revocations the engine had seen then: those that came later end it. No clock says which was first. */
  readonly revocations: number
}

type GrantRow = [client: Id, user: string | null, endsAtMs: number, revocations: number]

/** A token that says what is granted, and that only who has the secret can make: the server keeps nothing of it. */
export function makeOutboxToken(secret: string, { client, user, endsAtMs, revocations }: OutboxGrant): string {
  const grant = Buffer.from(JSON.stringify([client, user, endsAtMs, revocations])).toString('base64url')
  return `${grant}.${signatureOf(secret, grant).toString('base64url')}`
}

/** What the token grants; `null` when it was not made with this secret. */
export function readOutboxToken(secret: string, token: string): OutboxGrant | null {
  const [grant = '', signature = ''] = token.split('.', 2)
  const given = Buffer.from(signature, 'base64url')
  const made = signatureOf(secret, grant)
  if (given.length !== made.length || !timingSafeEqual(given, made)) return null
  const [client, user, endsAtMs, revocations] = JSON.parse(Buffer.from(grant, 'base64url').toString()) as GrantRow
  return { client, user, endsAtMs, revocations }
}

/** The prefix keeps what is signed here from being taken for anything else that the secret may sign one day. */
function signatureOf(secret: string, grant: string): Buffer {
  return createHmac('sha256', secret).update(`holdfast outbox ${grant}`).digest()
}
