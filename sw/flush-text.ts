import type { OutboxEntry, OutboxState } from '../src/core/ports.ts'
import { PROTOCOL_VERSION } from '../src/protocol/version.ts'

/** Body of a POST: `batch` of the outbox. Data goes as the text it is stored as. */
export function flushText({ client, ledger, acked }: OutboxState, user: string | null, batch: readonly OutboxEntry[]): string {
  const head = JSON.stringify({ type: 'flush', protocol: PROTOCOL_VERSION, client, ledger, user, confirmed: acked })
  return `${head.slice(0, -1)},"entries":[${batch.map(entryText).join(',')}]}`
}

function entryText({ n, id, channel, json, skip, mayRepeat }: OutboxEntry): string {
  if (skip) return JSON.stringify({ n, id, skip: true })
  return `{"n":${n},"id":"${id}","channel":${JSON.stringify(channel)},"data":${json}${mayRepeat ? ',"mayRepeat":true' : ''}}`
}
