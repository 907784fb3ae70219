import type { ClientRecord } from './client-record.ts'
import type { LaneEntry } from './lane-entry.ts'

/** What a number is to the server that remembers `record`. */
export type NumberVerdict =
  /** The one that follows. */
  | 'next'
  /** It is committed, under this id as far as is known. */
  | 'known'
  /** It is committed under another id. */
  | 'conflict'
  /** One before it is missing. */
  | 'gap'
  /** Nothing is known of the client, or not to this user. */
  | 'unknown'

/** Under which names numbers that are not applied are counted. */
export const REFUSALS = {
  known: 'duplicates',
  conflict: 'refused.conflict',
  gap: 'refused.expected',
  unknown: 'refused.unknown_client',
} as const

/** Judges a number by what is committed, and by how many more are about to commit. */
export function judgeNumber(record: ClientRecord | null, ahead: number, { n, id, source }: LaneEntry): NumberVerdict {
  const hi = (record?.hi ?? 0) + ahead
  if (record !== null && record.user !== source.party.user) return 'unknown'
  if (n === hi + 1) return 'next'
  if (record === null) return ahead === 0 ? 'unknown' : 'gap'
  if (n > hi) return 'gap'
  const known = record.idAt(n)
  return known !== undefined && known !== id ? 'conflict' : 'known'
}
