import { MAX_CHANNEL_LENGTH, MAX_DEPTH, MAX_FEATURES, MAX_FEATURE_LENGTH, MAX_NUMBER, MAX_OUTBOX_TOKEN_LENGTH } from './limits.ts'
import type { Cursor, Id } from './messages.ts'

/** The outcome of decoding a frame: a message of the closed union, or a sentence that says what was wrong with it. */
export type Decoded<T> = { readonly ok: true; readonly message: T } | { readonly ok: false; readonly error: string }

/** A JSON object whose fields are not known yet. */
export type Fields = { readonly [key: string]: unknown }

/** Thrown by the readers below and caught by whoever calls them: {@link decodeWith}, or code that reads other untrusted data with them. */
class Malformed extends Error {}

/** Ends the decoding of a frame with a sentence for the peer's developer. The sentence never quotes the frame. */
export function malformed(sentence: string): never {
  throw new Malformed(sentence)
}

/** Parses one frame and hands its fields to `read`. Total: any text gives a message or an error. */
export function decodeWith<T>(text: string, read: (type: string, fields: Fields) => T): Decoded<T> {
  try {
    if (isTooDeep(text, MAX_DEPTH)) malformed('nested too deeply')
    const fields = object(JSON.parse(text), 'frame')
    return { ok: true, message: read(string(fields['type'], 'type', 1, 40), fields) }
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, error: error.message }
    if (error instanceof SyntaxError) return { ok: false, error: 'not JSON' }
    throw error
  }
}

/** A plain object of the envelope. A key that could reach a prototype has no business there. */
export function object(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) malformed(`${what} is not an object`)
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    if (Object.hasOwn(value, key)) malformed(`${what} has a forbidden key`)
  }
  return value as Fields
}

/** An array of at most `max` items, each read by `item`. */
export function array<T>(value: unknown, what: string, max: number, item: (value: unknown) => T): T[] {
  if (!Array.isArray(value)) malformed(`${what} is not an array`)
  if (value.length > max) malformed(`${what} has more than ${max} items`)
  return value.map(item)
}

/** A string of `min` to `max` UTF-16 units. */
export function string(value: unknown, what: string, min: number, max: number): string {
  if (typeof value !== 'string' || value.length < min || value.length > max)
    malformed(`${what} is not a string of ${min} to ${max} characters`)
  return value
}

/** A whole number from `min` to `max`. */
export function integer(value: unknown, what: string, min: number = 0, max: number = MAX_NUMBER): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    malformed(`${what} is not a whole number from ${min} to ${max}`)
  return value
}

/** One of the words of a closed list. */
export function word<T extends string>(value: unknown, what: string, words: readonly T[]): T {
  return words.find((candidate) => candidate === value) ?? malformed(`${what} is none of ${words.join(', ')}`)
}

/** 128 random bits in base64url. */
export function id(value: unknown, what: string): Id {
  return isId(value) ? value : malformed(`${what} is not an id`)
}

/** Whether `value` may be an {@link Id}. */
export function isId(value: unknown): value is Id {
  return typeof value === 'string' && /^[\w-]{22}$/.test(value)
}

/** An outbox token; only the server knows what is in it. */
export function outboxToken(value: unknown, what: string): string {
  return isOutboxToken(value) ? value : malformed(`${what} is not a token`)
}

/** Whether `value` may be an outbox token. */
export function isOutboxToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_OUTBOX_TOKEN_LENGTH && /^[\w.-]+$/.test(value)
}

/** What a peer can do beyond its version; absent where it says nothing of it. */
export function features(fields: Fields): { readonly features?: readonly string[] } {
  if (fields['features'] === undefined) return {}
  return { features: array(fields['features'], 'features', MAX_FEATURES, (name) => string(name, 'feature', 1, MAX_FEATURE_LENGTH)) }
}

/** A place in a channel's log. */
export function cursor(value: unknown, what: string): Cursor {
  const fields = object(value, what)
  const offset = integer(fields['offset'], 'offset')
  return { epoch: id(fields['epoch'], 'epoch'), offset, id: offset === 0 ? '' : id(fields['id'], `${what} id`) }
}

/** Whole numbers by name, each within its range, and nothing else. */
export function integers<Key extends string>(
  value: unknown,
  what: string,
  ranges: Readonly<Record<Key, readonly [min: number, max: number]>>,
): Readonly<Record<Key, number>> {
  const fields = object(value, what)
  const read: Partial<Record<Key, number>> = {}
  for (const key in ranges) read[key] = integer(fields[key], key, ...ranges[key])
  return read as Record<Key, number>
}

/** A value that must be there, `null` included. */
export function present(fields: Fields, key: string): unknown {
  if (!Object.hasOwn(fields, key)) malformed(`${key} is missing`)
  return fields[key]
}

/** `null`, or what `read` makes of the value. */
export function nullable<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null ? null : read(value)
}

/** A channel name: printable, no white space at the ends, no control characters, no wildcard. Names that begin with `@` are reserved. */
export function channelName(value: unknown): string {
  const name = string(value, 'channel', 1, MAX_CHANNEL_LENGTH)
  if (!isChannelName(name)) malformed('channel is not a channel name')
  return name
}

/** Whether `name` may name a channel: 1 to {@link MAX_CHANNEL_LENGTH} letters, digits and `._:/@+=~-` of ASCII. */
export function isChannelName(name: string): boolean {
  return name.length <= MAX_CHANNEL_LENGTH && /^[\w.:/@+=~-]+$/.test(name) && !name.includes('..')
}

/** Whether the text is one JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Whether arrays and objects are nested deeper than `levels`. Counts brackets outside strings, so that hostile text is refused before `JSON.parse` builds it. */
export function isTooDeep(text: string, levels: number): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22) inString = !inString
    else if (inString) {
      if (unit === 0x5c) at++
    } else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > levels) return true
    } else if (unit === 0x5d || unit === 0x7d) depth--
  }
  return false
}
