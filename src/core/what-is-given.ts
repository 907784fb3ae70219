import type { SendOnly, SessionInit, SessionRestored } from '../protocol/messages.ts'
import type { Turn } from './events.ts'
import type { StoredIdentity } from './ports.ts'

/** The session that the answer gives, and what a worker without a tab may send with later; `null` when it is no answer to this `hello`. */
export function whatIsGiven(
  { state }: Turn,
  answer: SessionInit | SessionRestored | SendOnly,
): Pick<StoredIdentity, 'session' | 'sendOnly'> | null {
  if (answer.type === 'send_only') return state.sendOnly === null ? null : {}
  const session = answer.type === 'session_init' ? answer.session : state.session
  if (state.sendOnly !== null || session?.id !== answer.session.id) return null
  const { outboxToken: token } = answer
  const { url, user } = state.settings
  // Its query is left behind: it may hold what is meant for the tabs alone.
  const [address = ''] = url.split('?')
  return { session, sendOnly: token === undefined ? null : { url: address, token, user } }
}
