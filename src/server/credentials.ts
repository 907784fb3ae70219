import { HOOK_MS, isPromise, kindOf, within } from './deadline.ts'
import { errorFacts } from './error-facts.ts'
import type { ContextOf, Loose, Settings } from './options.ts'
import type { Clock, UpgradeRequest } from './ports.ts'
import type { Refusals } from './refusals.ts'
import type { LogEntry } from '../core/ports.ts'

/**
 * Who a credential belongs to, or why it is refused. `endsAtMs` is a time of `clock.nowMs()`, `expiresAtMs` the same
 * one as the app named it.
 */
export type Verdict =
  | {
      readonly isAccepted: true
      readonly user: string | null
      /** What the app said of it besides. */
      readonly context: ContextOf<Loose>
      readonly endsAtMs: number
      readonly expiresAtMs: number
    }
  | { readonly isAccepted: false; readonly close: 'unauthenticated' | 'forbidden' }

/** Where it is told that the hook does not work. */
export interface CredentialLog {
  log(entry: LogEntry): void
  readonly gate: { readonly refusals: Pick<Refusals, 'isDue'> }
}

/** Asks the app's `authenticate` hook. Never rejects. */
export async function checkCredential(
  hook: Settings['hooks']['authenticate'],
  clock: Clock,
  host: CredentialLog,
  credential: string | null,
  request: UpgradeRequest,
): Promise<Verdict> {
  if (hook === undefined) return { isAccepted: true, user: null, context: {}, endsAtMs: Infinity, expiresAtMs: Infinity }
  try {
    const asked = hook({ credential, request })
    const answer = isPromise(asked) ? await within(clock, HOOK_MS, asked) : asked
    if (answer === null) return { isAccepted: false, close: 'unauthenticated' }
    const { user, expiresAtMs = Infinity, ...context } = answer
    if (!isUser(user) || typeof expiresAtMs !== 'number' || Number.isNaN(expiresAtMs)) {
      host.log({ level: 'error', event: 'authenticate_answer_invalid' })
      return { isAccepted: false, close: 'unauthenticated' }
    }
    // Turned into a time of the clock that never jumps, once and now: a wall clock that is set later ends it neither
    // early nor late.
    const leftMs = expiresAtMs - clock.wallMs()
    if (leftMs <= 0) return { isAccepted: false, close: 'unauthenticated' }
    return { isAccepted: true, user, context, endsAtMs: clock.nowMs() + leftMs, expiresAtMs }
  } catch (error) {
    const kind = kindOf(error)
    const { code } = errorFacts(error)
    const isRefusal = code === 'forbidden' || code === 'unauthenticated'
    // A stranger may bring it about at will: what is the matter is told as an error, and not for every try.
    const level = !isRefusal && host.gate.refusals.isDue('authenticate_failed', kind) ? 'error' : 'info'
    host.log({ level, event: 'authenticate_failed', error: kind })
    return { isAccepted: false, close: code === 'forbidden' ? 'forbidden' : 'unauthenticated' }
  }
}

/** `undefined` is a mistake; only `null` says that it is nobody in particular. */
function isUser(user: unknown): user is string | null {
  return user === null || (typeof user === 'string' && user.length >= 1 && user.length <= 256)
}
