import type { NewMessage, TakenCount } from '../core/ports.ts'
import type { HubSettings } from '../core/settings.ts'
import * as read from '../protocol/decode.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { MAX_DEPTH, MAX_USER_LENGTH } from '../protocol/limits.ts'
import { invalidOption } from '../protocol/read-options.ts'
import {
  BRIDGE_VERSION,
  OLDEST_BRIDGE_VERSION,
  type AttachRequest,
  type HandedMessage,
  type HubApi,
  type Result,
  type TabPosition,
  type TabSignal,
} from './contract.ts'
import { HIDDEN_DELAY_RANGE, OUTBOX_RANGES, outOfRange, RECONNECT_RANGES, type Range } from './setting-ranges.ts'

/** Most items in one list of a call that the page cuts itself. */
const MAX_ITEMS = 20_000
/** Lists as long as what the app has asked for: the hub answers item by item what is too much, and no call is broken for it. */
const ANY = Infinity
/** The envelope of a frame takes the rest of {@link MAX_DEPTH}. */
const MAX_DATA_DEPTH = MAX_DEPTH - 4

const SIGNALS: readonly TabSignal[] = [
  'visible',
  'hidden',
  'online',
  'offline',
  'suspended',
  'retry',
  'watch-outbox',
  'unwatch-outbox',
  'has-token',
  'no-token',
  'wants-log',
  'no-log',
]

/** How each argument of each call is read. */
export const HUB_ARGUMENTS: { readonly [Name in keyof HubApi]: readonly ((value: unknown) => unknown)[] } = {
  attach: [attachRequest],
  subscribe: [positions],
  unsubscribe: [(value) => read.array(value, 'channels', ANY, read.channelName)],
  send: [handedMessages, takenCount, (value) => value === true],
  sendVolatile: [messages],
  cancel: [id],
  discard: [id],
  heard: [(value) => read.array(value, 'notices', MAX_ITEMS, id)],
  signal: [(value) => read.word(value, 'signal', SIGNALS)],
  signOut: [(value) => value === true],
  ping: [],
  detach: [],
}

/**
 * Rebuilds the arguments of a call, or says what is wrong with them: `invalid-option` for a setting of the app,
 * `protocol` for anything else.
 */
export function checked(name: keyof HubApi, args: readonly unknown[]): Result<readonly unknown[]> {
  try {
    return { ok: true, value: HUB_ARGUMENTS[name].map((readArgument, at) => readArgument(args[at])) }
  } catch (error) {
    if (error instanceof HoldfastError) return { ok: false, error: error.toData() }
    return { ok: false, error: { code: 'protocol', message: `${name}: ${error instanceof Error ? error.message : 'wrong arguments'}` } }
  }
}

function attachRequest(value: unknown): AttachRequest {
  const fields = read.object(value, 'request')
  const bridge = read.integer(fields['bridge'], 'bridge')
  // Before anything else: the rest of another version may look different.
  if (bridge < OLDEST_BRIDGE_VERSION || bridge > BRIDGE_VERSION) {
    throw new HoldfastError('version', 'tab and hub are of different builds: reload the page')
  }
  return {
    bridge,
    tab: id(fields['tab']),
    attempt: read.integer(fields['attempt'], 'attempt'),
    lock: read.string(fields['lock'], 'lock', 1, 200),
    settings: settings(fields['settings']),
    ...(fields['apart'] === true ? { apart: true } : {}),
    ...(fields['returning'] === true ? { returning: true } : {}),
    visible: fields['visible'] === true,
    canAuthenticate: fields['canAuthenticate'] === true,
    channels: positions(fields['channels']),
    ...(fields['wantsLog'] === true ? { wantsLog: true } : {}),
    watchesOutbox: fields['watchesOutbox'] === true,
    unsettled: read.array(fields['unsettled'], 'unsettled', ANY, id),
    ...(fields['signOuts'] === undefined ? {} : { signOuts: read.integer(fields['signOuts'], 'signOuts') }),
  }
}

/** The page has checked names and types; what values are allowed is checked here, for all tabs at once. */
function settings(value: unknown): HubSettings {
  const fields = read.object(value, 'settings')
  const url = read.string(fields['url'], 'url', 1, 8_192)
  if (!/^wss?:\/\/[^/]/.test(url)) invalidOption('url', 'must be an address with http:, https:, ws: or wss:, or relative to the page')
  if (/^\w+:\/\/[^/]*@/.test(url)) invalidOption('url', 'must not hold a credential: use token')
  const user = read.nullable(fields['user'], (text) => read.string(text, 'user', 0, Infinity))
  if (user === '' || (user ?? '').length > MAX_USER_LENGTH) {
    invalidOption('user', `must be a string of 1 to ${MAX_USER_LENGTH} characters; omit it for nobody`)
  }
  const reconnect = group(fields, 'reconnect', RECONNECT_RANGES) as unknown as HubSettings['reconnect']
  if (reconnect.maxDelayMs < reconnect.baseDelayMs) invalidOption('reconnect.maxDelayMs', 'must not be below baseDelayMs')
  const outbox = group(fields, 'outbox', OUTBOX_RANGES) as unknown as HubSettings['outbox']
  return { url, user, reconnect, outbox, hiddenDelayMs: inRange(fields['hiddenDelayMs'], 'hiddenDelayMs', HIDDEN_DELAY_RANGE) as number }
}

function group(given: read.Fields, what: string, ranges: Readonly<Record<string, Range>>): read.Fields {
  const fields = read.object(given[what], what)
  return Object.fromEntries(Object.entries(ranges).map(([key, range]) => [key, inRange(fields[key], `${what}.${key}`, range)]))
}

function inRange(value: unknown, what: string, range: Range): unknown {
  const wrong = outOfRange(value, range)
  return wrong === null ? value : invalidOption(what, wrong)
}

function positions(value: unknown): readonly TabPosition[] {
  return read.array(value, 'channels', ANY, (item) => {
    const fields = read.object(item, 'channel')
    return {
      channel: read.channelName(fields['channel']),
      position: read.nullable(fields['position'], (place) => read.cursor(place, 'position')),
      ...(fields['round'] === undefined ? {} : { round: read.integer(fields['round'], 'round') }),
    }
  })
}

function messages(value: unknown): readonly NewMessage[] {
  return read.array(value, 'messages', ANY, message)
}

function message(item: unknown): NewMessage {
  const fields = read.object(item, 'message')
  return { id: id(fields['id']), channel: read.channelName(fields['channel']), json: json(fields['json']) }
}

function handedMessages(value: unknown): readonly HandedMessage[] {
  return read.array(value, 'messages', MAX_ITEMS, (item) => {
    const fields = read.object(item, 'message')
    return fields['retryOf'] === undefined ? message(item) : { id: id(fields['id']), retryOf: id(fields['retryOf']) }
  })
}

function takenCount(value: unknown): TakenCount {
  const fields = read.object(value, 'since')
  return { memory: id(fields['memory']), taken: read.integer(fields['taken'], 'taken', 0) }
}

/**
 * The text goes into a frame as it is: text that is not one JSON value would break the connection of every tab, again
 * and again.
 */
function json(value: unknown): string {
  const text = read.string(value, 'json', 1, 2 ** 28)
  if (read.isTooDeep(text, MAX_DATA_DEPTH)) read.malformed('json is nested too deeply')
  if (!read.isJson(text)) read.malformed('json is not JSON')
  return text
}

function id(value: unknown): string {
  return read.id(value, 'id')
}
