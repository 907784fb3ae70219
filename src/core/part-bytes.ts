import { MIN_PART_BYTES } from '../protocol/frames.ts'
import { CLOSE } from '../protocol/close-codes.ts'
import type { Turn } from './events.ts'
import { change, liveLink, log } from './turn.ts'

/**
 * A server that closes for a reason of its own says nothing about the way there: with these, and with the protocol's
 * codes.
 */
const SERVERS_OWN: readonly number[] = [CLOSE.goingAway, CLOSE.internal, CLOSE.restart, CLOSE.busy].map(({ code }) => code)
const LEAST_PROTOCOL_CODE = 4_000

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
  if (partBytes === MIN_PART_BYTES || (code !== CLOSE.tooLarge.code && !(isSame && isOfTheWay(code)))) return
  const shorter = Math.max(MIN_PART_BYTES, partBytes / 2)
  change(turn, { partBytes: shorter })
  log(turn, { level: 'info', event: 'shorter-frames', code, partBytes: shorter })
}

function isOfTheWay(code: number): boolean {
  return code < LEAST_PROTOCOL_CODE && !SERVERS_OWN.includes(code)
}
