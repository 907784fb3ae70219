import type { Fate } from './client-record.ts'
import { byteLength } from './encode-data.ts'
import { incomingMessage } from './incoming-message.ts'
import type { MessageSource } from './message-handler.ts'
import type { IncomingMessage } from './options.ts'
import type { Id, NumberedMessage } from '../protocol/index.ts'

/** The connection a number came on; it is told what becomes of it. */
export interface LaneSource extends MessageSource {
  /**
   * After `conflict` or `unknown_client`, and when a newer connection replaced it, nothing of it is applied any more.
   */
  readonly isRefusing: boolean
  /** Whether the connection is gone. */
  readonly isGone: boolean
  /** The number left the lane, whatever became of it. */
  left(): void
  /** The number is committed. */
  committed(): void
  /** The number was committed before; it is acknowledged again. */
  again(n: number): void
  expected(n: number): void
  conflict(n: number): void
  unknownClient(): void
  /** The engine failed: nothing is known of the outcome. */
  failed(): void
}

/** One number on its way: a message, or with `message` absent a number to skip. */
export interface LaneEntry {
  readonly source: LaneSource
  readonly n: number
  readonly id: Id
  readonly message: IncomingMessage | undefined
  /** Set when the message is refused without asking anybody. */
  readonly fate?: Fate
}

/**
 * A numbered message on its way. With `messageBytes` its size is looked at, and one that is larger is refused without
 * asking anybody.
 */
export function laneEntry(source: LaneSource, client: Id, message: NumberedMessage, messageBytes: number = Infinity): LaneEntry {
  const { n, id, channel, data, mayRepeat = false } = message
  const incoming = incomingMessage(source.party, { id, n, client, channel, data, durable: true, mayRepeat })
  const entry: LaneEntry = { source, n, id, message: incoming }
  if (messageBytes === Infinity || byteLength(JSON.stringify(data)) <= messageBytes) return entry
  return { ...entry, fate: { kind: 'rejected', reason: 'too-large', message: 'the message is larger than the server takes' } }
}
