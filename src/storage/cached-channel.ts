import type { CacheChange, CachedChannel, CachedMessage } from '../core/ports.ts'

/** A cached channel after a change. */
export function changeCachedChannel(before: CachedChannel | undefined, change: CacheChange): CachedChannel {
  const kept = change.clear ? undefined : before
  const messages = [...(kept?.messages ?? []), ...change.append].filter((message) => message.offset >= change.keepFrom)
  const snapshot = change.snapshot === undefined ? (kept?.snapshot ?? null) : change.snapshot
  return { channel: change.channel, cursor: change.cursor, snapshot, messages }
}

/** Whether the messages follow each other and end at the cursor: anything else would be a hole that nobody sees. */
export function isWhole(messages: readonly CachedMessage[], cursorOffset: number): boolean {
  return messages.every((message, at) => message.offset === cursorOffset - messages.length + 1 + at)
}
