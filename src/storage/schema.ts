import type { DBSchema, IDBPDatabase, IDBPTransaction, StoreNames } from 'idb'
import type { AppNotice } from '../core/notices.ts'
import type { CachedMessage, CachedSnapshot, OutboxEntry, OutboxState, ParkedMessage, StoredSendOnly } from '../core/ports.ts'
import type { Cursor, Id, SessionKey } from '../protocol/messages.ts'
import type { EndedRow, FatesRow, MemoryHead } from './fate-memory.ts'

/** Messages that share a record at most, so that a tombstone or a half-settled record rewrites little. */
export const MAX_RECORD_MESSAGES = 256

/** The run of numbers, what the memory has taken, and who may write. */
export interface RunRow extends Omit<OutboxState, 'entries'>, MemoryHead {
  readonly schema: number
  /** Made with the database: tells it from another one that took its name. */
  readonly store: Id
  /** Rises with every `open()`: the newest owner's number. */
  readonly lease: number
  /** What the wall clock showed more than the store's time when this was written. */
  readonly offsetMs: number
  /** How often users have signed out; absent where nobody has. */
  readonly signOuts?: number
}

/**
 * The stores of the database. Everything but `channels`, `snapshots` and `messages`, which are a cache, is worth an
 * alarm when it cannot be read.
 */
export interface HoldfastSchema extends DBSchema {
  run: { key: 'run'; value: RunRow }
  /** The session, and what a worker without a tab needs to send. */
  session: { key: 'session' | 'sendOnly'; value: SessionKey | StoredSendOnly }
  /** By the last number in the record, so that a stable ack deletes one range. */
  outbox: { key: number; value: readonly OutboxEntry[] }
  /** By the number of the row, which no clock has a part in: the oldest are one range. */
  fates: { key: number; value: FatesRow }
  /** By the number of the row. */
  ended: { key: number; value: EndedRow }
  parked: { key: Id; value: ParkedMessage }
  /** All of them in one record: they are few, and their order counts. */
  notices: { key: 'notices'; value: readonly AppNotice[] }
  channels: { key: string; value: { readonly cursor: Cursor } }
  /** Apart from `channels`, so that a moving cursor does not rewrite the value. */
  snapshots: { key: string; value: CachedSnapshot }
  /** By channel and the first offset in the record. */
  messages: { key: [channel: string, offset: number]; value: readonly CachedMessage[] }
}

/** Names of the stores. */
export type StoreName = StoreNames<HoldfastSchema>

/** A connection to the database. */
export type Database = IDBPDatabase<HoldfastSchema>

/** A transaction that may write. */
export type WriteTransaction = IDBPTransaction<HoldfastSchema, StoreName[], 'readwrite'>

/** Every store, in the order in which they are made. */
export const STORE_NAMES: readonly StoreName[] = [
  'run',
  'session',
  'outbox',
  'fates',
  'ended',
  'parked',
  'notices',
  'channels',
  'snapshots',
  'messages',
]

/**
 * Brings the database from one version to the next, in the one transaction of the upgrade: whatever it throws leaves
 * the database as it was. It must carry the outbox, its fates, the parked messages and the session over, whatever it
 * does to the cache.
 */
export type SchemaStep = (database: Database, tx: IDBPTransaction<HoldfastSchema, StoreName[], 'versionchange'>) => void | Promise<void>

/**
 * One step per version, from an empty database on. A step that was published is never changed; optional additions to rows
 * need none.
 */
export const SCHEMA_STEPS: readonly SchemaStep[] = [
  (database) => {
    for (const store of STORE_NAMES) database.createObjectStore(store)
  },
]

/** Version of the database. Whoever finds a higher one leaves the database alone. */
export const SCHEMA_VERSION: number = SCHEMA_STEPS.length
