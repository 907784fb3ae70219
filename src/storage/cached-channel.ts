import type { CacheChange, CachedChannel } from '../core/ports.ts'

/** A cached channel after a change. */
export function changeCachedChannel(before: CachedChannel | undefined, change: CacheChange): CachedChannel {
  const kept = change.clear ? undefined : before
  const messages = [...(kept?.messages ?? []), ...change.append].filter((message) => message.offset >= change.keepFrom)
  const snapshot = change.snapshot === undefined ? (kept?.snapshot ?? null) : change.snapshot
  return { channel: change.channel, cursor: change.cursor, snapshot, messages }
}
