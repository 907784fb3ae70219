import { HoldfastError } from '../protocol/errors.ts'
import { browserPlatform, outsideBrowser } from './browser-platform.ts'
import { createConnection, type Connection } from './connection.ts'
import { createHubLink, NO_LINK } from './hub-link.ts'
import { checkOptions, type ConnectOptions } from './options.ts'
import type { Platform } from './platform.ts'

/** The connections of one page, by scope. */
export type Connections = Map<string, { readonly connection: Connection; readonly settings: string; holders: number }>

const connections: Connections = new Map()

/**
 * Connects this tab. All tabs with the same `url` (without its query) and `user` share one hub and one socket; a second call in the same tab gives the
 * same connection, which then wants two `close()`. On a server, where there is no `window`, the connection does nothing and stays `connecting`.
 *
 * @throws HoldfastError `invalid-option`; `options-disagree` when this tab already has the connection with other settings; `insecure-context`; `no-shared-worker`.
 */
export function connect(options: ConnectOptions): Connection {
  return connectOn(typeof window === 'undefined' ? null : browserPlatform(), connections, options)
}

/** {@link connect} on any platform; `null` is a server. */
export function connectOn(platform: Platform | null, known: Connections, options: ConnectOptions): Connection {
  const checked = checkOptions(options, platform?.baseUrl ?? 'http://localhost/')
  if (platform === null) {
    return createConnection(checked, { ...outsideBrowser, createLink: () => NO_LINK, release: () => true, ended: () => {} })
  }
  if (!platform.isSecure) {
    throw new HoldfastError('insecure-context', 'The page is not a secure context: serve it over https:, or from localhost.')
  }
  if (!platform.hasSharedWorker) {
    throw new HoldfastError('no-shared-worker', 'This browser has no SharedWorker: use a current one, or do without live updates here.')
  }

  const { scopeKey, hub, hubUrl } = checked
  const settings = JSON.stringify(checked.settings)
  const held = known.get(scopeKey)
  if (held) {
    if (held.settings !== settings) {
      throw new HoldfastError('options-disagree', 'This tab is connected to the same url and user with other options: give the same ones.')
    }
    held.holders++
    return held.connection
  }

  const over = new AbortController()
  const connection = createConnection(checked, {
    ...platform,
    createLink: (owner) =>
      createHubLink(platform, platform.hash(scopeKey), (name) => (hub ? hub({ name }) : platform.startHub(name, hubUrl)), owner),
    release: () => --entry.holders === 0,
    ended() {
      known.delete(scopeKey)
      over.abort()
    },
  })
  const entry = { connection, settings, holders: 1 }
  known.set(scopeKey, entry)
  platform.watchPage((event) => connection.page(event), over.signal)
  connection.start()
  return connection
}
