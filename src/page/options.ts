import type { LogEntry } from '../core/ports.ts'
import { DEFAULT_OUTBOX, DEFAULT_RECONNECT, type HubSettings, type OutboxSettings, type ReconnectSettings } from '../core/settings.ts'
import { invalidOption, readOptions } from '../protocol/read-options.ts'

/** What `connect` takes. An option it does not know, or cannot honour, is refused with `invalid-option`. */
export interface ConnectOptions {
  /** Address of the server: absolute or relative to the page, `http(s):` or `ws(s):`. */
  readonly url: string | URL
  /**
   * Who the app's user is. Part of what tabs share: another user gets another hub, outbox and cache. Omit for nobody in
   * particular.
   */
  readonly user?: string
  /**
   * A fresh credential for the server; asked of a living tab at every connect and when the old one expires, and given
   * 10 s; after 1 s without an answer another tab is asked as well.
   * Of several `connect` calls of one tab for the same connection, that of the newest which is not closed is asked.
   */
  readonly token?: () => string | null | Promise<string | null>
  /**
   * Starts the hub, where the packaged script cannot be used: `({ name }) => new SharedWorker(new URL('./hub.ts',
   * import.meta.url), { type: 'module', name, extendedLifetime: true })`.
   * Called with `shared: false` where no SharedWorker can be had; it may then give `new Worker(new URL('./hub.ts',
   * import.meta.url), { type: 'module', name })`.
   */
  readonly hub?: (options: HubStart) => SharedWorker | Worker
  /** Address of a copy of `holdfast/hub` on the app's own origin, where no bundler sees the package. */
  readonly hubUrl?: string | URL
  /**
   * `false` never uses a SharedWorker: the hub then runs in a worker of one of the tabs, and in another one's when that
   * tab closes. The same happens by itself where there is no SharedWorker, or where it does not start.
   * @defaultValue true
   */
  readonly shared?: boolean
  /**
   * The app's name for its build: 1 to 64 of A-Z a-z 0-9 . _ + -. A page that loads with another one than the running
   * hub's starts a hub of its own, to which all tabs go. Needed where a new build's hub has the same address and name
   * as the old one's: an unhashed `hubUrl`, another option, a dev server. @defaultValue `''`
   */
  readonly build?: string
  /**
   * Takes what the hub has to say to developers, which else only the console of its worker shows: `log: console.debug`.
   * Of several `connect` calls of one tab that of the newest which is not closed counts.
   */
  readonly log?: (line: LogEntry) => void
  /** How the connection comes back. @defaultValue {@link DEFAULT_RECONNECT} */
  readonly reconnect?: Partial<ReconnectSettings>
  /** What the queue of unsent messages holds. @defaultValue {@link DEFAULT_OUTBOX} */
  readonly outbox?: Partial<OutboxSettings>
  /** How late a hidden tab may get its messages, 0 to 60,000 ms. @defaultValue 1,000 ms */
  readonly hiddenDelayMs?: number
  /**
   * Asks the browser once not to take the storage away when space is short: `navigator.storage.persist()`. It may ask
   * the user, or refuse. @defaultValue false
   */
  readonly persist?: boolean
}

/** What the option `hub` is called with. */
export interface HubStart {
  /** The name the worker must be given. */
  readonly name: string
  /** Whether a SharedWorker is wanted, or a Worker of this tab. */
  readonly shared: boolean
}

/** Options that were checked and completed. */
export interface CheckedOptions {
  readonly token: ConnectOptions['token']
  readonly build: string
  readonly log: ConnectOptions['log']
  readonly hub: ConnectOptions['hub']
  readonly hubUrl: string | undefined
  readonly shared: boolean
  readonly persist: boolean
  readonly settings: HubSettings
  /** Tabs and `connect` calls with the same key share one hub. */
  readonly scopeKey: string
}

/** Every option, with a value of the right type; addresses are read apart. */
const OPTIONS = {
  url: undefined,
  user: '',
  token: () => null,
  build: '',
  log: () => {},
  hub: () => null,
  hubUrl: undefined,
  shared: true,
  reconnect: DEFAULT_RECONNECT,
  outbox: DEFAULT_OUTBOX,
  hiddenDelayMs: 0,
  persist: false,
}

/**
 * Checks names and types of options and fills in the defaults. What values are allowed is checked by the hub.
 * @throws HoldfastError `invalid-option`, naming the option, what came and what it may be.
 */
export function checkOptions(options: ConnectOptions, baseUrl: string): CheckedOptions {
  const given = readOptions(options, OPTIONS)
  const { url: address, user = null, token, build = '', log, hub, hubUrl, shared = true, persist = false, hiddenDelayMs = 1_000 } = given
  if (!/^[\w.+-]{0,64}$/.test(build)) invalidOption('build', 'must be at most 64 of A-Z a-z 0-9 . _ + -')
  if (hub && hubUrl !== undefined) invalidOption('hubUrl', 'and hub exclude each other')
  const url = absolute('url', address ?? '', baseUrl)
  url.hash = ''
  url.protocol = url.protocol.replace('http', 'ws')
  return {
    token,
    build,
    log,
    hub,
    hubUrl: hubUrl === undefined ? hubUrl : absolute('hubUrl', hubUrl, baseUrl).href,
    shared,
    persist,
    settings: {
      url: url.href,
      user,
      reconnect: { ...DEFAULT_RECONNECT, ...given.reconnect },
      outbox: { ...DEFAULT_OUTBOX, ...given.outbox },
      hiddenDelayMs,
    },
    scopeKey: JSON.stringify([url.origin + url.pathname, user]),
  }
}

function absolute(name: string, address: string | URL, baseUrl: string): URL {
  const text = readOptions(address instanceof URL ? address.href : address, '', name)
  try {
    // Without an address there is none that is relative to the page either.
    return new URL(text.trim() || '//', baseUrl)
  } catch {
    return invalidOption(name, 'must be an address, absolute or relative to the page')
  }
}
