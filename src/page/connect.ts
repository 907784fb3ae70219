import { HoldfastError } from '../protocol/errors.ts'
import { browser } from './browser-platform.ts'
import type { Connection } from './connection-api.ts'
import { createConnection, type SharedConnection } from './connection.ts'
import { checkOptions, type CheckedOptions, type ConnectOptions } from './options.ts'
import type { Platform } from './platform.ts'

interface Held {
  readonly shared: SharedConnection
  readonly settings: string
  /** Options of the `connect` calls whose connection was not closed, the newest last. */
  readonly holders: CheckedOptions[]
}

/** The connections of one page, by scope. */
export type Connections = Map<string, Held>

const connections: Connections = new Map()

/**
 * Connects this tab. All tabs with the same `url` (without its query) and `user` share one hub and one socket; a second
 * call in the same tab shares the first one's state, channels and outbox, and has a `close()` of its own: the tab is
 * detached when all are closed. On a server, where there is no `window`, the connection does nothing and stays
 * `connecting`.
 *
 * @throws HoldfastError `invalid-option`; `options-disagree` when this tab already has the connection with other
 * settings; `insecure-context`; `unsupported` where the browser lacks what nothing works without, as jsdom does. A
 * setting out of its range is found by the hub: the connection then ends with an `error` event of `invalid-option`.
 */
export function connect(options: ConnectOptions): Connection {
  return connectOn(typeof window === 'undefined' ? null : browser, connections, options)
}

/** {@link connect} on any platform; `null` is a server. */
export function connectOn(platform: Platform | null, known: Connections, options: ConnectOptions): Connection {
  const checked = checkOptions(options, platform?.baseUrl ?? 'http://localhost/')
  if (!platform) return createConnection(checked, browser, null).connection
  if (!platform.isSecure) {
    throw new HoldfastError('insecure-context', 'Not a secure context: serve the page over https:, or from localhost.')
  }

  if (platform.missing.length > 0) {
    const missing = platform.missing.join(', ')
    throw new HoldfastError(
      'unsupported',
      `There is no ${missing} here: connect() needs a browser. In tests under jsdom or happy-dom, replace the module that calls it.`,
    )
  }

  const { scopeKey } = checked
  const settings = JSON.stringify([checked.settings, checked.shared])
  const held = known.get(scopeKey)
  if (held && held.settings !== settings) {
    throw new HoldfastError('options-disagree', 'This tab is connected to the same url and user with other options.')
  }
  const entry = held ?? open(platform, known, checked, settings)
  entry.holders.push(checked)
  if (held) entry.shared.givenAnew()
  return { ...entry.shared.connection, close: () => release(entry, checked) }
}

function open(platform: Platform, known: Connections, checked: CheckedOptions, settings: string): Held {
  const holders: CheckedOptions[] = []
  const shared = createConnection(checked, platform, {
    newest: (name) => holders.findLast((options) => options[name])?.[name],
    ended: () => known.delete(checked.scopeKey),
  })
  const entry: Held = { shared, settings, holders }
  known.set(checked.scopeKey, entry)
  return entry
}

/** Who closed is asked for nothing any more: its functions may belong to a part of the app that is gone. */
function release({ shared, holders }: Held, options: CheckedOptions): void {
  const at = holders.indexOf(options)
  if (at === -1) return
  holders.splice(at, 1)
  if (holders.length === 0) shared.connection.close()
  else shared.givenAnew()
}
