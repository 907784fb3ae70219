import type { JournalRow } from '../journal.ts'
import type { RunRecord, Violation } from '../record.ts'

/** Holds commits against what their handlers did: the number and everything that was published, or nothing of it (I7, I10). */
export function checkLedger({ journal }: Pick<RunRecord, 'journal'>): readonly Violation[] {
  return journal.flatMap((row) => {
    const text = fault(row)
    return text === undefined ? [] : [{ kind: 'half done', atMs: row.atMs, text, keys: 'key' in row && row.key ? [row.key] : [] }]
  })
}

function fault(row: JournalRow): string | undefined {
  if (row.type === 'half') return `the commit of ${row.n} of client ${row.client} failed, and the number is committed`
  if (row.type !== 'committed') return undefined
  const { key, fate, publishes = 0, published } = row
  const due = fate === 'applied' ? publishes : 0
  if (published.length === due) return undefined
  return `${key} was ${fate} with ${published.length} messages, and its handler had published ${publishes}`
}
