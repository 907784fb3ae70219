import { recalledText } from './client-record.ts'
import { byteLength } from './encode-data.ts'
import type { Engine } from './engine.ts'
import type { Lanes } from './lanes.ts'
import type { Id, Recall } from '../protocol/index.ts'

/** Room for the envelope and for the fates without replies of 1,000 messages. */
const RESERVED_BYTES = 128 * 1024

/** What a recall needs of the server. */
export interface RecallHost {
  readonly engine: Engine
  readonly lanes: Lanes
  readonly frameBytes: number
}

/**
 * Answers a `recall`, as JSON text, once nothing of that client is on its way any more: a message that is being applied must not be taken for
 * unknown. Replies that do not fit into the frame are left out; the fate is always told.
 */
export async function answerRecall(
  { engine, lanes, frameBytes }: RecallHost,
  user: string | null,
  own: Id,
  { client, ids }: Recall,
): Promise<string> {
  await lanes.whenIdle(client)
  let record = await engine.loadClient(client)
  if (client !== own && record?.user === user) {
    // Who asks about an earlier client id sends what is unknown under another: what only sends, and is still on its way, must not apply it after the answer.
    await engine.revoke(client)
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
