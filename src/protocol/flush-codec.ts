import { numberedMessage, skippedNumber } from './client-codec.ts'
import * as read from './decode.ts'
import { MAX_FLUSH_ENTRIES, MAX_USER_LENGTH } from './limits.ts'
import type { Flush, FlushAnswer, FlushEntry, FlushRefusal } from './messages.ts'
import { knownClient, outcomes } from './server-codec.ts'

const REFUSALS: readonly FlushRefusal[] = [
  'unauthenticated',
  'forbidden',
  'user',
  'version',
  'ledger',
  'unknown_client',
  'conflict',
  'expected',
  'busy',
  'bad-message',
]

/** Decodes the body of a POST to the outbox endpoint. Total: any text gives a {@link Flush} or an error. */
export function decodeFlush(text: string): read.Decoded<Flush> {
  return read.decodeWith(text, (type, fields): Flush => {
    if (type !== 'flush') return read.malformed('type is not known')
    const entries = read.array(fields['entries'], 'entries', MAX_FLUSH_ENTRIES, entry)
    if (entries.length === 0) read.malformed('entries are none')
    if (entries.some(({ n }, at) => at > 0 && n !== (entries[at - 1]?.n ?? 0) + 1)) read.malformed('numbers do not rise by one')
    return {
      type,
      protocol: read.integer(fields['protocol'], 'protocol', 1, 1_000_000),
      client: read.id(fields['client'], 'client'),
      ledger: read.id(fields['ledger'], 'ledger'),
      user: user(fields),
      confirmed: read.integer(fields['confirmed'], 'confirmed'),
      entries,
    }
  })
}

/** Decodes what the outbox endpoint answered. Total: any text, a captive portal's page included, gives a {@link FlushAnswer} or an error. */
export function decodeFlushAnswer(text: string): read.Decoded<FlushAnswer> {
  return read.decodeWith(text, (type, fields): FlushAnswer => {
    if (type === 'flush_refused') {
      const refused = { type, reason: read.word(fields['reason'], 'reason', REFUSALS) } as const
      return fields['n'] === undefined ? refused : { ...refused, n: read.integer(fields['n'], 'n', 1) }
    }
    if (type !== 'flushed') return read.malformed('type is not known')
    const hi = read.integer(fields['hi'], 'hi')
    const stable = read.integer(fields['stable'], 'stable', 0, hi)
    return {
      type,
      protocol: read.integer(fields['protocol'], 'protocol', 1, 1_000_000),
      user: user(fields),
      ledger: read.id(fields['ledger'], 'ledger'),
      client: knownClient(fields),
      hi,
      stable,
      id: stable === 0 ? '' : read.id(fields['id'], 'id'),
      outcomes: outcomes(fields),
    }
  })
}

function user(fields: read.Fields): string | null {
  return read.nullable(read.present(fields, 'user'), (value) => read.string(value, 'user', 1, MAX_USER_LENGTH))
}

function entry(value: unknown): FlushEntry {
  const fields = read.object(value, 'entry')
  return fields['skip'] === true ? { ...skippedNumber(fields), skip: true } : numberedMessage(fields)
}
