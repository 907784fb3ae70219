import { HIDDEN_DELAY_RANGE, OUTBOX_RANGES, outOfRange, RECONNECT_RANGES, type Range } from '../bridge/setting-ranges.ts'
import { DEFAULT_OUTBOX, DEFAULT_RECONNECT, type HubSettings, type OutboxSettings, type ReconnectSettings } from '../core/settings.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { MAX_USER_LENGTH } from '../protocol/limits.ts'

/** What `connect` takes. An option it does not know, or cannot honour, is refused with `invalid-option`. */
export interface ConnectOptions {
  /** Address of the server: absolute or relative to the page, `http(s):` or `ws(s):`. */
  readonly url: string | URL
  /** Who the app's user is. Part of what tabs share: another user gets another hub, outbox and cache. Omit for nobody in particular. */
  readonly user?: string
  /**
   * A fresh credential for the server; asked of one living tab at every connect and when the old one expires, and given 10 s.
   * Of two `connect` calls of one tab for the same connection, the first one's is asked.
   */
  readonly token?: () => string | null | Promise<string | null>
  /** Starts the hub, where the packaged script cannot be used: `({ name }) => new SharedWorker(new URL('./hub.ts', import.meta.url), { type: 'module', name, extendedLifetime: true })`. */
  readonly hub?: (options: { readonly name: string }) => SharedWorker
  /** Address of a copy of `holdfast/hub` on the app's own origin, where no bundler sees the package. */
  readonly hubUrl?: string | URL
  /** How the connection comes back. @defaultValue {@link DEFAULT_RECONNECT} */
  readonly reconnect?: Partial<ReconnectSettings>
  /** What the queue of unsent messages holds. @defaultValue {@link DEFAULT_OUTBOX} */
  readonly outbox?: Partial<OutboxSettings>
  /** How late a hidden tab may get its messages, 0 to 60,000 ms. @defaultValue 1,000 ms */
  readonly hiddenDelayMs?: number
}

/** Options that were checked and completed. */
export interface CheckedOptions extends Pick<ConnectOptions, 'token' | 'hub' | 'hubUrl'> {
  readonly settings: HubSettings
  /** Tabs and `connect` calls with the same key share one hub. */
  readonly scopeKey: string
}

const KNOWN = ['url', 'user', 'token', 'hub', 'hubUrl', 'reconnect', 'outbox', 'hiddenDelayMs']

/**
 * Checks options and fills in the defaults.
 * @throws HoldfastError `invalid-option`, naming the option and what it may be.
 */
export function checkOptions(options: ConnectOptions, baseUrl: string): CheckedOptions {
  if (typeof options !== 'object' || options === null) invalid('options', 'must be an object')
  for (const key of Object.keys(options)) if (!KNOWN.includes(key)) invalid(key, `is not one of ${KNOWN.join(', ')}`)
  const { user = null, token, hub, hubUrl, hiddenDelayMs = 1_000 } = options
  if (user !== null && (typeof user !== 'string' || !user || user.length > MAX_USER_LENGTH)) {
    invalid('user', `must be a string of 1 to ${MAX_USER_LENGTH} characters; omit it for nobody`)
  }
  if (token !== undefined && typeof token !== 'function') invalid('token', 'must be a function')
  if (hub !== undefined && typeof hub !== 'function') invalid('hub', 'must be a function that returns a SharedWorker')
  if (hubUrl !== undefined && typeof hubUrl !== 'string' && !(hubUrl instanceof URL)) invalid('hubUrl', 'must be a string or a URL')
  if (hub && hubUrl !== undefined) invalid('hubUrl', 'and hub exclude each other')
  checkRange('hiddenDelayMs', hiddenDelayMs, HIDDEN_DELAY_RANGE)
  const reconnect = complete('reconnect', options.reconnect, DEFAULT_RECONNECT, RECONNECT_RANGES)
  if (reconnect.maxDelayMs < reconnect.baseDelayMs) invalid('reconnect.maxDelayMs', 'must not be below baseDelayMs')
  const outbox = complete('outbox', options.outbox, DEFAULT_OUTBOX, OUTBOX_RANGES)
  const url = socketUrl(options.url, baseUrl)
  return {
    ...(token && { token }),
    ...(hub && { hub }),
    ...(hubUrl !== undefined && { hubUrl }),
    settings: { url: url.href, user, reconnect, outbox, hiddenDelayMs },
    scopeKey: JSON.stringify([url.origin + url.pathname, user]),
  }
}

function socketUrl(given: unknown, baseUrl: string): URL {
  const wanted = 'must be an address with http:, https:, ws: or wss:, or relative to the page'
  let url: URL
  try {
    if (typeof given !== 'string' && !(given instanceof URL)) throw new TypeError(wanted)
    url = new URL(given, baseUrl)
  } catch {
    invalid('url', wanted)
  }
  url.hash = ''
  if (/^https?:$/.test(url.protocol)) url.protocol = url.protocol.replace('http', 'ws')
  if (!/^wss?:$/.test(url.protocol)) invalid('url', wanted)
  if (url.username || url.password) invalid('url', 'must not hold a credential: use token')
  return url
}

function complete<T extends object>(name: string, given: Partial<T> | undefined, defaults: T, ranges: Readonly<Record<keyof T, Range>>): T {
  if (given === undefined) return defaults
  if (typeof given !== 'object' || given === null) invalid(name, 'must be an object')
  const result = { ...defaults }
  for (const key of Object.keys(given) as (keyof T & string)[]) {
    if (!Object.hasOwn(ranges, key)) invalid(`${name}.${key}`, `is not one of ${Object.keys(ranges).join(', ')}`)
    const value = given[key]
    if (value === undefined) continue
    checkRange(`${name}.${key}`, value, ranges[key])
    result[key] = value
  }
  return result
}

function checkRange(name: string, value: unknown, range: Range): void {
  const wrong = outOfRange(value, range)
  if (wrong !== null) invalid(name, wrong)
}

function invalid(name: string, why: string): never {
  throw new HoldfastError('invalid-option', `${name} ${why}.`)
}
