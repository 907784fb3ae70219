import { HOOK_MS, isPromise, kindOf, within } from './deadline.ts'
import type { LiveServerOptions } from './options.ts'
import type { Clock, UpgradeRequest } from './ports.ts'
import type { LogEntry } from '../core/ports.ts'

/** Who a credential belongs to, or why it is refused. `endsAtMs` is a time of `clock.nowMs()`. */
export type Verdict =
  | { readonly isAccepted: true; readonly user: string | null; readonly endsAtMs: number }
  | { readonly isAccepted: false; readonly close: 'unauthenticated' | 'forbidden' }

/** Asks the app's `authenticate` hook. Never rejects. */
export async function checkCredential(
  hook: LiveServerOptions['authenticate'],
  clock: Clock,
  log: (entry: LogEntry) => void,
  credential: string | null,
  request: UpgradeRequest,
): Promise<Verdict> {
  if (hook === undefined) return { isAccepted: true, user: null, endsAtMs: Infinity }
  try {
    const asked = hook({ credential, request })
    const answer = isPromise(asked) ? await within(clock, HOOK_MS, asked) : asked
    if (answer === null) return { isAccepted: false, close: 'unauthenticated' }
    const { user, expiresAtMs = Infinity } = answer
    if (typeof user !== 'string' || user.length < 1 || user.length > 256 || typeof expiresAtMs !== 'number' || Number.isNaN(expiresAtMs)) {
      log({ level: 'error', event: 'authenticate_answer_invalid' })
      return { isAccepted: false, close: 'unauthenticated' }
    }
    // Turned into a time of the clock that never jumps, once and now: a wall clock that is set later ends it neither
    // early nor late.
    const leftMs = expiresAtMs - clock.wallMs()
    return leftMs > 0 ? { isAccepted: true, user, endsAtMs: clock.nowMs() + leftMs } : { isAccepted: false, close: 'unauthenticated' }
  } catch (error) {
    log({ level: 'info', event: 'authenticate_failed', error: kindOf(error) })
    const isForbidden = error instanceof Error && 'code' in error && error.code === 'forbidden'
    return { isAccepted: false, close: isForbidden ? 'forbidden' : 'unauthenticated' }
  }
}
