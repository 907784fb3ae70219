import type { CacheChange, CachedChannel } from '../core/ports.ts'
import { isWhole } from './cached-channel.ts'
import type { Writes } from './connection.ts'
import type { StoreName, WriteTransaction } from './schema.ts'
import { isCachedMessage, isCachedSnapshot, isCursor } from './stored-rows.ts'

/** The stores that hold the cache. */
export const CACHE_STORES: readonly StoreName[] = ['channels', 'snapshots', 'messages']

/** Writes changes of the cache: one record of messages per change, and whole records deleted once nobody needs any of their messages. */
export async function writeCacheChanges(tx: WriteTransaction, changes: readonly CacheChange[]): Promise<Writes> {
  const unneeded = await Promise.all(changes.map((change) => unneededRecords(tx, change)))
  return changes.flatMap((change, at) => writeCacheChange(tx, change, unneeded[at] ?? null))
}

/** The messages no longer needed once the change is in: records before the last one that begins at `keepFrom` or below. */
async function unneededRecords(
  tx: WriteTransaction,
  { channel, cursor, clear, append, keepFrom }: CacheChange,
): Promise<IDBKeyRange | null> {
  if (keepFrom > cursor.offset) return messagesOf(channel)
  const keys = clear ? [] : await tx.objectStore('messages').getAllKeys(IDBKeyRange.bound([channel, 0], [channel, Math.max(0, keepFrom)]))
  const added = append[0]?.offset ?? Infinity
  const last = added <= keepFrom ? added : keys.at(-1)?.[1]
  return last === undefined ? null : IDBKeyRange.bound([channel, 0], [channel, last], false, true)
}

function writeCacheChange(tx: WriteTransaction, change: CacheChange, unneeded: IDBKeyRange | null): Promise<unknown>[] {
  const { channel, cursor, snapshot, clear, append } = change
  const messages = tx.objectStore('messages')
  const snapshots = tx.objectStore('snapshots')
  const [first] = append
  return [
    tx.objectStore('channels').put({ cursor }, channel),
    ...(clear ? [messages.delete(messagesOf(channel)), snapshots.delete(channel)] : []),
    ...(first ? [messages.put(append, [channel, first.offset])] : []),
    ...(unneeded ? [messages.delete(unneeded)] : []),
    ...(snapshot === null ? [snapshots.delete(channel)] : snapshot ? [snapshots.put(snapshot, channel)] : []),
  ]
}

/** Deletes everything of the channels. */
export function deleteCachedChannels(tx: WriteTransaction, channels: readonly string[]): Writes {
  return channels.flatMap((channel) => [
    tx.objectStore('channels').delete(channel),
    tx.objectStore('snapshots').delete(channel),
    tx.objectStore('messages').delete(messagesOf(channel)),
  ])
}

/** Reads the cache, and names the channels that cannot be read. They are to be deleted: the server has them all. */
export async function readCache(tx: WriteTransaction): Promise<{ channels: CachedChannel[]; broken: string[] }> {
  const [names, rows, snapshotNames, snapshotRows, keys, records] = await Promise.all([
    tx.objectStore('channels').getAllKeys(),
    tx.objectStore('channels').getAll(),
    tx.objectStore('snapshots').getAllKeys(),
    tx.objectStore('snapshots').getAll(),
    tx.objectStore('messages').getAllKeys(),
    tx.objectStore('messages').getAll(),
  ])
  const snapshots = new Map<string, unknown>(snapshotNames.map((name, at) => [name, snapshotRows[at]]))
  const messages = new Map<string, unknown[]>()
  records.forEach((record: unknown, at) => {
    const [channel] = keys[at] ?? ['']
    const list = messages.get(channel) ?? []
    if (Array.isArray(record)) for (const message of record as unknown[]) list.push(message)
    else list.push(null)
    messages.set(channel, list)
  })
  const channels = names.flatMap((name, at) => asCachedChannel(name, rows[at], snapshots.get(name) ?? null, messages.get(name) ?? []) ?? [])
  const known = new Set(channels.map(({ channel }) => channel))
  const found = new Set([...names, ...snapshots.keys(), ...messages.keys()])
  return { channels, broken: [...found].filter((name) => !known.has(name)) }
}

function asCachedChannel(
  channel: string,
  row: { readonly cursor: unknown } | undefined,
  snapshot: unknown,
  messages: readonly unknown[],
): CachedChannel | null {
  const cursor = row?.cursor
  if (!isCursor(cursor) || !(snapshot === null || isCachedSnapshot(snapshot))) return null
  if (!messages.every(isCachedMessage) || !isWhole(messages, cursor.offset)) return null
  return { channel, cursor, snapshot, messages }
}

function messagesOf(channel: string): IDBKeyRange {
  return IDBKeyRange.bound([channel, 0], [channel, Infinity])
}
