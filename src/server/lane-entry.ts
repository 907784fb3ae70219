import type { LaneEntry, LaneSource } from './client-lane.ts'
import { byteLength } from './encode-data.ts'
import type { Id, NumberedMessage } from '../protocol/index.ts'

/** Windows of numbers the server remembers for a client that does not confirm. */
const UNCONFIRMED_WINDOWS = 16
const MIN_UNCONFIRMED = 4_096

/** Numbers that a client may leave unconfirmed. */
export function mostUnconfirmed(sendWindow: number): number {
  return Math.max(MIN_UNCONFIRMED, UNCONFIRMED_WINDOWS * sendWindow)
}

/** A numbered message on its way. With `messageBytes` its size is looked at, and one that is larger is refused without asking anybody. */
export function laneEntry(source: LaneSource, client: Id, message: NumberedMessage, messageBytes: number = Infinity): LaneEntry {
  const { n, id, channel, data, mayRepeat = false } = message
  const entry: LaneEntry = { source, n, id, message: { id, n, client, channel, data, durable: true, mayRepeat } }
  if (messageBytes === Infinity || byteLength(JSON.stringify(data)) <= messageBytes) return entry
  return { ...entry, fate: { kind: 'rejected', reason: 'too-large', message: 'the message is larger than the server takes' } }
}
