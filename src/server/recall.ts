import { recalledText } from './client-record.ts'
import { byteLength } from './encode-data.ts'
import type { Engine } from './engine.ts'
import type { Lanes } from './lanes.ts'
import type { SendOnlyDesk } from './send-only-desk.ts'
import type { Id, Recall } from '../protocol/index.ts'

/** Room for the envelope and for the fates without replies of 1,000 messages. */
const RESERVED_BYTES = 128 * 1024

/** What a recall needs of the server. */
export interface RecallHost {
  readonly engine: Engine
  readonly lanes: Lanes
  readonly sendOnly: Pick<SendOnlyDesk, 'end'>
  readonly frameBytes: number
}

/**
 * Answers a `recall`, as JSON text, once nothing of that client is on its way any more: a message that is being applied
 * must not be taken for
 * unknown. Replies that do not fit into the frame are said to be dropped; the fate is always told.
 */
export async function answerRecall(
  { engine, lanes, sendOnly, frameBytes }: RecallHost,
  user: string | null,
  own: Id,
  { client, ids }: Recall,
): Promise<string> {
  // A client that asks about an earlier id sends what is unknown under another. A connection that only sends under the
  // earlier one must not apply it after the answer. It may have applied nothing yet, and then there is no record.
  const isEarlier = client !== own
  if (isEarlier) sendOnly.end(client, user)
  await lanes.whenIdle(client)
  let record = await engine.loadClient(client)
  if (isEarlier && record?.user === user) {
    await engine.end({ type: 'revoke', client })
    await lanes.whenIdle(client)
    record = await engine.loadClient(client)
  }
  const known = record !== null && record.user === user ? record.recall(ids) : []
  let left = frameBytes - RESERVED_BYTES
  const fates = known.map(({ id, fate }) => {
    const text = recalledText(id, fate, true)
    left -= byteLength(text)
    return left >= 0 ? text : recalledText(id, fate, false)
  })
  return `{"type":"recalled","client":"${client}","fates":[${fates.join(',')}]}`
}
