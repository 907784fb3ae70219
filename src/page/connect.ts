import { HoldfastError } from '../protocol/errors.ts'
import { browser } from './browser-platform.ts'
import { createConnection, type Connection } from './connection.ts'
import { checkOptions, type ConnectOptions } from './options.ts'
import type { Platform } from './platform.ts'

interface Held {
  readonly connection: Connection
  readonly settings: string
  holders: number
}

/** The connections of one page, by scope. */
export type Connections = Map<string, Held>

const connections: Connections = new Map()

/**
 * Connects this tab. All tabs with the same `url` (without its query) and `user` share one hub and one socket; a second call in the same tab gives the
 * same connection, which then wants two `close()`. On a server, where there is no `window`, the connection does nothing and stays `connecting`.
 *
 * @throws HoldfastError `invalid-option`; `options-disagree` when this tab already has the connection with other settings; `insecure-context`. A setting out of its range is found by the hub: the connection then ends with an `error` event of `invalid-option`.
 */
export function connect(options: ConnectOptions): Connection {
  return connectOn(typeof window === 'undefined' ? null : browser, connections, options)
}

/** {@link connect} on any platform; `null` is a server. */
export function connectOn(platform: Platform | null, known: Connections, options: ConnectOptions): Connection {
  const checked = checkOptions(options, platform?.baseUrl ?? 'http://localhost/')
  if (!platform) return createConnection(checked, browser, null)
  if (!platform.isSecure) {
    throw new HoldfastError('insecure-context', 'Not a secure context: serve the page over https:, or from localhost.')
  }

  const { scopeKey } = checked
  const settings = JSON.stringify([checked.settings, checked.shared])
  const held = known.get(scopeKey)
  if (held && held.settings !== settings) {
    throw new HoldfastError('options-disagree', 'This tab is connected to the same url and user with other options.')
  }
  const release = (): boolean => --entry.holders === 0
  const entry: Held = held ?? {
    connection: createConnection(checked, platform, { release, ended: () => known.delete(scopeKey) }),
    settings,
    holders: 0,
  }
  known.set(scopeKey, entry)
  entry.holders++
  return entry.connection
}
