import { endSendOnly } from './connecting.ts'
import type { Turn } from './events.ts'
import type { OutboxEntry } from './ports.ts'
import { exceedsFrame } from './frame-size.ts'
import type { CoreState, Link } from './state.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import { liveLink } from './turn.ts'

/** What a machine that only sends may do: a service worker's, when no tab is open (SPEC.md, OB27 to OB29). */

/** Everything it may be told. What else a server says is out of place. */
const HEARD: ReadonlySet<ServerMessage['type']> = new Set(['send_only', 'ack', 'expected', 'conflict', 'unknown_client', 'pong', 'goodbye'])

/** Whether the server may say this to a machine of this kind. */
export function mayHear({ sendOnly }: CoreState, { type }: ServerMessage): boolean {
  return sendOnly === null || HEARD.has(type)
}

/** Up to which number messages may leave at all; those of a hub all may. */
export function lastToLeave({ outbox, sendOnly, settings }: CoreState, link: Link, storeMs: number): number {
  if (sendOnly === null) return outbox.next - 1
  const first = outbox.entries.find((entry) => whyNot(entry, link, storeMs - settings.outbox.maxAgeMs) !== null)
  return (first?.n ?? outbox.next) - 1
}

/** Ends the machine when everything that may leave is confirmed, and that is stored. */
export function lookForEnd(turn: Turn): void {
  const { outbox, sendOnly, confirmed, settings } = turn.state
  const link = liveLink(turn)
  if (sendOnly === null || !link?.identified) return
  if (confirmed < lastToLeave(turn.state, link, turn.at.storeMs)) return
  const [next] = outbox.entries
  const why = next && whyNot(next, link, turn.at.storeMs - settings.outbox.maxAgeMs)
  if (!next) endSendOnly(turn, 'sent', 'all')
  else if (why) endSendOnly(turn, 'tab', why)
}

/** Why only a tab can go on with an entry; `null` when it may be sent. */
function whyNot({ json, atMs, skip, recall }: OutboxEntry, { limits }: Link, oldestMs: number): string | null {
  if (skip) return null
  if (recall) return 'recall'
  if (atMs < oldestMs) return 'age'
  return exceedsFrame(json, limits.frameBytes) ? 'too-large' : null
}
