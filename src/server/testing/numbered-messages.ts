import { freshId } from './fake-peer.ts'
import type { NumberedMessage } from '../../protocol/index.ts'

/** Messages `from` to `to`, whose data is their number; `ids` by number, where they matter. */
export function numberedMessages(from: number, to: number, ids: readonly string[] = []): NumberedMessage[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ({
    n: from + at,
    id: ids[from + at] ?? freshId(),
    channel: 'agents',
    data: from + at,
  }))
}
