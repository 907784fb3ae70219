import type { SendOnly, SessionInit, SessionRestored } from '../protocol/messages.ts'
import type { Turn } from './events.ts'
import type { StoredIdentity, StoredSendOnly } from './ports.ts'
import type { CoreState } from './state.ts'

/**
 * The session that the answer gives, and what a worker without a tab may send with later; `null` when it is no answer
 * to this `hello`.
 */
export function whatIsGiven(
  { state }: Turn,
  answer: SessionInit | SessionRestored | SendOnly,
): Pick<StoredIdentity, 'session' | 'sendOnly'> | null {
  if (answer.type === 'send_only') return state.sendOnly === null ? null : {}
  const session = answer.type === 'session_init' ? answer.session : state.session
  if (state.sendOnly !== null || session?.id !== answer.session.id) return null
  const { outboxToken } = answer
  return { session, sendOnly: outboxToken === undefined ? null : sendOnlyOf(state, outboxToken) }
}

/** A fresh outbox token, on an open connection: stored in place of the one that the answer gave. */
export function keepOutboxToken({ state, effects }: Turn, token: string): void {
  const { ledger, since, sentThrough } = state.outbox
  // Link 0 is none: nothing waits for it.
  if (ledger !== null)
    effects.push({ type: 'save-identity', identity: { ledger, since, sentThrough, sendOnly: sendOnlyOf(state, token) }, link: 0 })
}

function sendOnlyOf({ settings: { url, user } }: CoreState, token: string): StoredSendOnly {
  // Its query is left behind: it may hold what is meant for the tabs alone.
  const [address = ''] = url.split('?')
  return { url: address, token, user }
}
