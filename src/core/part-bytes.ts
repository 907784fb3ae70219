import { MIN_PART_BYTES } from '../protocol/frames.ts'
import { CLOSE } from '../protocol/close-codes.ts'
import type { Turn } from './events.ts'
import { change, liveLink, log } from './turn.ts'

/** Codes from here on are the protocol's own. */
const LEAST_OWN_CODE = 4_000

/**
 * What is between here and the server may take no frames as long as these: where a frame was too large, or the same
 * message met the same end twice, shorter ones are tried.
 */
export function shortenParts(turn: Turn, code: number): void {
  const link = liveLink(turn)
  const { lastEnd, outbox, partBytes } = turn.state
  const isOnItsWay = link !== null && link.sent > link.hi
  const end = isOnItsWay ? { code, client: outbox.client, hi: link.hi } : null
  const isSame = end !== null && lastEnd?.code === code && lastEnd.client === end.client && lastEnd.hi === end.hi
  if (end) change(turn, { lastEnd: end })
  // A server that closes for a reason of its own says nothing about the way there.
  if (code !== CLOSE.tooLarge.code && (!isSame || code >= LEAST_OWN_CODE)) return
  change(turn, { partBytes: Math.max(MIN_PART_BYTES, partBytes / 2) })
  log(turn, { level: 'info', event: 'shorter-frames', code, partBytes: turn.state.partBytes })
}
