import type { AppNotice } from '../core/notices.ts'
import type { CachedMessage, CachedSnapshot, Fate, OutboxEntry, ParkedMessage, StoredSendOnly } from '../core/ports.ts'
import { isChannelName, isId, isJson as isJsonText, isOutboxToken, isTooDeep } from '../protocol/decode.ts'
import { MAX_DEPTH, MAX_NUMBER, MAX_USER_LENGTH } from '../protocol/limits.ts'
import { REJECTIONS, REPLY_LOSSES } from '../protocol/server-codec.ts'
import type { Cursor, Id, SessionKey } from '../protocol/messages.ts'
import { END_LETTERS, type EndedRow, type FatesRow } from './fate-memory.ts'
import { SCHEMA_VERSION, type RunRow } from './schema.ts'

/*
 * Whether a record of the database is what this version would have written. Disks rot and other programs write; nothing
 * unchecked may reach the wire.
 * Each of these is total: any value gives yes or no.
 */

/** The envelope of a frame takes the rest of {@link MAX_DEPTH}. */
const MAX_DATA_DEPTH = MAX_DEPTH - 4
/** 256 bits in base64url. */
const TOKEN_LENGTH = 43
const ID_LENGTH = 22
const ENDS = new RegExp(`^[${END_LETTERS}]+$`)

type Row = { readonly [key: string]: unknown }

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null
}

/** A number that a frame can say: the server would close the socket for another, on every try. */
function isWhole(value: unknown, min: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= MAX_NUMBER
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isJson(value: unknown): value is string {
  return typeof value === 'string' && isJsonText(value)
}

/** Data of a message that a frame can carry. */
function isData(value: unknown): value is string {
  return isJson(value) && !isTooDeep(value, MAX_DATA_DEPTH)
}

function isOneOf(value: unknown, words: readonly unknown[]): boolean {
  return words.includes(value)
}

function isChannel(value: unknown): value is string {
  return typeof value === 'string' && isChannelName(value)
}

/** The `run` row. */
export function isRunRow(value: unknown): value is RunRow {
  if (!isRow(value)) return false
  const {
    schema,
    store,
    lease,
    client,
    sender,
    ledger,
    since,
    next,
    acked,
    ackedId,
    sentThrough,
    signOuts,
    memory,
    taken,
    forgottenThrough,
    namedRow,
    offsetMs,
  } = value
  return (
    isWhole(schema, 1) &&
    schema <= SCHEMA_VERSION &&
    isId(store) &&
    isWhole(lease, 1) &&
    isId(client) &&
    isId(sender) &&
    (ledger === null || isId(ledger)) &&
    isWhole(since, 0) &&
    isWhole(next, 1) &&
    isWhole(acked, 0) &&
    acked < next &&
    (acked === 0 ? ackedId === '' : isId(ackedId)) &&
    isWhole(sentThrough, 0) &&
    sentThrough < next &&
    (signOuts === undefined || isWhole(signOuts, 1)) &&
    isId(memory) &&
    isWhole(taken, 0) &&
    isWhole(forgottenThrough, 0) &&
    forgottenThrough <= taken &&
    (namedRow === undefined || isWhole(namedRow, 0)) &&
    isTime(offsetMs)
  )
}

/** Who sends, where a `run` row says so, whatever else it says. */
export function senderIn(value: unknown): Id | null {
  const sender = isRow(value) ? value['sender'] : null
  return isId(sender) ? sender : null
}

/** The `session` row. */
export function isSessionKey(value: unknown): value is SessionKey {
  return isRow(value) && isId(value['id']) && typeof value['token'] === 'string' && value['token'].length === TOKEN_LENGTH
}

/** The `sendOnly` row of `session`. A token goes to that address, so it must look like one the hub made. */
export function isStoredSendOnly(value: unknown): value is StoredSendOnly {
  if (!isRow(value)) return false
  const { url, token, user } = value
  return (
    typeof url === 'string' &&
    /^wss?:\/\/[^?#\s]+$/.test(url) &&
    isOutboxToken(token) &&
    (user === null || (typeof user === 'string' && user.length > 0 && user.length <= MAX_USER_LENGTH))
  )
}

/** One entry of an `outbox` record. */
export function isOutboxEntry(value: unknown): value is OutboxEntry {
  if (!isRow(value)) return false
  const { n, id, channel, json, atMs, skip, mayRepeat, recall } = value
  return (
    isWhole(n, 1) &&
    isId(id) &&
    isChannel(channel) &&
    isTime(atMs) &&
    (skip === undefined ? isData(json) : json === '' && isOneOf(skip, ['cancelled', 'expired', 'settled'])) &&
    (mayRepeat === undefined || mayRepeat === true) &&
    (recall === undefined || (Array.isArray(recall) && recall.length > 0 && recall.every(isId)))
  )
}

/** One item of the `notices` record. Its reason may be that of another build. */
export function isAppNotice(value: unknown): value is AppNotice {
  if (!isRow(value) || !isId(value['id']) || !isRow(value['event'])) return false
  const { atMs, reason, requeued, mayRepeat, mayBeLost, lost, older } = value['event']
  if (!isTime(atMs) || typeof reason !== 'string' || !isListOfIds(mayRepeat) || !isWhole(older, 0)) return false
  if (value['kind'] === 'storage-lost') return isWhole(requeued, 0) && (lost === undefined || isListOfIds(lost))
  return value['kind'] === 'outbox-restarted' && isListOfIds(mayBeLost)
}

function isListOfIds(value: unknown): boolean {
  return Array.isArray(value) && value.every(isId)
}

/** One record of `fates`. */
export function isFatesRow(value: unknown): value is FatesRow {
  if (!isRow(value)) return false
  const { row, atMs, taken, fates } = value
  return isWhole(row, 1) && isTime(atMs) && isWhole(taken, 0) && Array.isArray(fates) && fates.every(isFate)
}

/** One record of `ended`. */
export function isEndedRow(value: unknown): value is EndedRow {
  if (!isRow(value)) return false
  const { row, taken, ids, ends } = value
  if (!isWhole(row, 1) || !isWhole(taken, 0) || typeof ids !== 'string' || typeof ends !== 'string') return false
  return /^[\w-]+$/.test(ids) && ENDS.test(ends) && ids.length === ends.length * ID_LENGTH
}

const LOSSES = [...REPLY_LOSSES, 'forgotten']
const REASONS = [...REJECTIONS, 'may-repeat']

function isFate(value: unknown): value is Fate {
  if (!isRow(value) || !isId(value['id'])) return false
  const { fate, replyJson, replyLost, reason, message } = value
  if (fate === 'applied') return (replyJson === undefined || isJson(replyJson)) && (replyLost === undefined || isOneOf(replyLost, LOSSES))
  if (fate === 'rejected') return isOneOf(reason, REASONS) && typeof message === 'string'
  return fate === 'expired' || fate === 'cancelled'
}

/** One record of `parked`. */
export function isParkedMessage(value: unknown): value is ParkedMessage {
  if (!isRow(value)) return false
  const { id, channel, json, atMs, fate, reason } = value
  return (
    isId(id) && isChannel(channel) && isData(json) && isTime(atMs) && isOneOf(fate, ['rejected', 'expired']) && typeof reason === 'string'
  )
}

/** A cursor as `channels` and `snapshots` hold it. */
export function isCursor(value: unknown): value is Cursor {
  return (
    isRow(value) && isId(value['epoch']) && isWhole(value['offset'], 0) && (value['offset'] === 0 ? value['id'] === '' : isId(value['id']))
  )
}

/** One record of `snapshots`. */
export function isCachedSnapshot(value: unknown): value is CachedSnapshot {
  return isRow(value) && isCursor(value['cursor']) && isJson(value['json']) && isTime(value['atMs'])
}

/** One message of a `messages` record. */
export function isCachedMessage(value: unknown): value is CachedMessage {
  return isRow(value) && isWhole(value['offset'], 1) && isId(value['id']) && isJson(value['json'])
}
