import type { ServerLimits } from './options.ts'
import type { IncomingLimits } from '../protocol/incoming.ts'

/** Lanes on which a client can have a message under way: one for the connection, one for what it sends. */
const LANES = 2
/** Least UTF-16 units of a part that is not the last: so many hold 1 KiB of any script. */
const PART_UNITS = 256
/** Room in the text of a `hello` for what is always there, and for one channel with its cursor. */
const HELLO_TEXT_BYTES = 65_536
const CHANNEL_TEXT_BYTES = 512

/** What is kept for a socket of which nobody knows yet whose it is. */
export function limitsBeforeHello({ frameBytes, channels }: ServerLimits): IncomingLimits {
  const bytes = Math.min(frameBytes, HELLO_TEXT_BYTES + CHANNEL_TEXT_BYTES * channels)
  return { messageBytes: bytes, bytes, lanes: 1, partUnits: PART_UNITS }
}

/** What is kept for a connection whose `hello` was accepted. */
export function limitsOfConnection({ frameBytes }: ServerLimits): IncomingLimits {
  return { messageBytes: frameBytes, bytes: LANES * frameBytes, lanes: LANES, partUnits: PART_UNITS }
}
