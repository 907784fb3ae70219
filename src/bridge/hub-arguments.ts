import type { NewMessage } from '../core/ports.ts'
import type { HubSettings } from '../core/settings.ts'
import * as read from '../protocol/decode.ts'
import { MAX_DEPTH, MAX_USER_LENGTH } from '../protocol/limits.ts'
import type { Cursor } from '../protocol/messages.ts'
import type { AttachRequest, HubApi, Result, TabPosition, TabSignal } from './contract.ts'
import { HIDDEN_DELAY_RANGE, OUTBOX_RANGES, outOfRange, RECONNECT_RANGES, type Range } from './setting-ranges.ts'

/** Most items in one list of a call. */
const MAX_ITEMS = 20_000
/** The envelope of a frame takes the rest of {@link MAX_DEPTH}. */
const MAX_DATA_DEPTH = MAX_DEPTH - 4

const SIGNALS: readonly TabSignal[] = ['visible', 'hidden', 'online', 'offline', 'suspended', 'retry', 'watch-outbox', 'unwatch-outbox']

/** How each argument of each call is read. */
export const HUB_ARGUMENTS: { readonly [Name in keyof HubApi]: readonly ((value: unknown) => unknown)[] } = {
  attach: [attachRequest],
  subscribe: [positions],
  unsubscribe: [(value) => read.array(value, 'channels', MAX_ITEMS, read.channelName)],
  send: [messages],
  sendVolatile: [messages],
  cancel: [id],
  retry: [id, id],
  discard: [id],
  signal: [(value) => read.word(value, 'signal', SIGNALS)],
  ping: [],
  detach: [],
}

/** Rebuilds the arguments of a call, or says with `protocol` what is wrong with them. */
export function checked(name: keyof HubApi, args: readonly unknown[]): Result<readonly unknown[]> {
  try {
    return { ok: true, value: HUB_ARGUMENTS[name].map((readArgument, at) => readArgument(args[at])) }
  } catch (error) {
    return { ok: false, error: { code: 'protocol', message: `${name}: ${error instanceof Error ? error.message : 'wrong arguments'}` } }
  }
}

function attachRequest(value: unknown): AttachRequest {
  const fields = read.object(value, 'request')
  return {
    bridge: read.integer(fields['bridge'], 'bridge'),
    tab: id(fields['tab']),
    lock: read.string(fields['lock'], 'lock', 1, 200),
    settings: settings(fields['settings']),
    visible: fields['visible'] === true,
    canAuthenticate: fields['canAuthenticate'] === true,
    channels: positions(fields['channels']),
    watchesOutbox: fields['watchesOutbox'] === true,
    offers: messages(fields['offers']),
    unsettled: read.array(fields['unsettled'], 'unsettled', MAX_ITEMS, id),
  }
}

function settings(value: unknown): HubSettings {
  const fields = read.object(value, 'settings')
  const url = read.string(fields['url'], 'url', 1, 8_192)
  if (!/^wss?:\/\//.test(url)) read.malformed('url is not an absolute WebSocket address')
  return {
    url,
    user: read.nullable(fields['user'], (user) => read.string(user, 'user', 1, MAX_USER_LENGTH)),
    reconnect: group(fields['reconnect'], 'reconnect', RECONNECT_RANGES) as unknown as HubSettings['reconnect'],
    outbox: group(fields['outbox'], 'outbox', OUTBOX_RANGES) as unknown as HubSettings['outbox'],
    hiddenDelayMs: inRange(fields['hiddenDelayMs'], 'hiddenDelayMs', HIDDEN_DELAY_RANGE) as number,
  }
}

function group(value: unknown, what: string, ranges: Readonly<Record<string, Range>>): read.Fields {
  const fields = read.object(value, what)
  return Object.fromEntries(Object.entries(ranges).map(([key, range]) => [key, inRange(fields[key], key, range)]))
}

function inRange(value: unknown, what: string, range: Range): unknown {
  const wrong = outOfRange(value, range)
  return wrong === null ? value : read.malformed(`${what} ${wrong}`)
}

function positions(value: unknown): readonly TabPosition[] {
  return read.array(value, 'channels', MAX_ITEMS, (item) => {
    const fields = read.object(item, 'channel')
    return { channel: read.channelName(fields['channel']), position: read.nullable(fields['position'], cursor) }
  })
}

function cursor(value: unknown): Cursor {
  const fields = read.object(value, 'position')
  const offset = read.integer(fields['offset'], 'offset')
  return { epoch: read.id(fields['epoch'], 'epoch'), offset, id: offset === 0 ? '' : id(fields['id']) }
}

function messages(value: unknown): readonly NewMessage[] {
  return read.array(value, 'messages', MAX_ITEMS, (item) => {
    const fields = read.object(item, 'message')
    return {
      id: id(fields['id']),
      channel: read.channelName(fields['channel']),
      json: json(fields['json']),
      atMs: read.integer(fields['atMs'], 'atMs', 0, Number.MAX_SAFE_INTEGER),
    }
  })
}

/** The text goes into a frame as it is: text that is not one JSON value would break the connection of every tab, again and again. */
function json(value: unknown): string {
  const text = read.string(value, 'json', 1, 2 ** 28)
  if (isDeeper(parsed(text), MAX_DATA_DEPTH)) read.malformed('json is nested too deeply')
  return text
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own sentence quotes the text.
    return read.malformed('json is not JSON')
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  return typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)))
}

function id(value: unknown): string {
  return read.id(value, 'id')
}
