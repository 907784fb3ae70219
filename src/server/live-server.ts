import { Server as TcpServer } from 'node:net'
import { acceptSocket } from './accept-socket.ts'
import type { DisconnectReason } from './engine.ts'
import type { HttpServer } from './http-paths.ts'
import { LiveCore } from './live-core.ts'
import type { Metrics } from './metrics.ts'
import type { Readiness } from './readiness.ts'
import type { Authenticated, LiveServerOptions } from './options.ts'
import { resolveOptions } from './resolve-options.ts'
import { webSocketOf, type AcceptedRequest, type AcceptedSocket } from './websocket-like.ts'
import { WsAdapter } from './ws-adapter.ts'
import { HoldfastError, type Cursor } from '../protocol/index.ts'
import { invalidOption, readOptions } from '../protocol/read-options.ts'

/** A running live server. */
export interface LiveServer {
  /**
   * Answers everything at `path` (default `/live`) of an HTTP or HTTPS server, or of an HTTP/2 server with
   * `allowHTTP1`: WebSocket upgrades, and other requests with 426. All other paths stay with those who listen beside
   * it, in whatever order they began; who asks where nobody listens is answered 404. May be called for several servers
   * and paths; the last call for a path has it. Returns how to detach, which leaves nothing behind; until then a closed
   * server answers 503. Throws `invalid-option`, and `closed` after `close`.
   */
  attach(server: HttpServer, options?: { readonly path?: string }): () => void
  /**
   * Takes over an open WebSocket that somebody else has upgraded: of `ws`, `@fastify/websocket`, a peer of crossws, a
   * context of Hono, or of anything with `send`, `close`, `bufferedAmount` and `addEventListener`. Call it in the turn
   * in which the socket opens, or its first message is lost. `request` is what it began as, of Node or of `fetch`;
   * origins and limits are looked at as in `attach`, and a socket that may not come in is closed (4403, 1013, 1001).
   * Throws `invalid-option`.
   */
  accept(socket: AcceptedSocket, request: AcceptedRequest): void
  /**
   * Publishes to a channel; resolves with the message's place. Rejects with `invalid-data`, `message-too-large`,
   * `storage-full`, `invalid-option` (`history` gives nothing usable for it) or `closed`; then nothing
   * was published. With any other error the engine has failed, and nobody knows whether it was. Messages of one channel
   * get their places in the order of the calls. Nobody need await it: a failure is in the log, and ends no process.
   */
  publish(channel: string, data: unknown): Promise<Cursor>
  /**
   * Publishes to the user's own channel, which only connections authenticated as that user read. Rejects as `publish`
   * does.
   */
  sendToUser(user: string, data: unknown): Promise<Cursor>
  /**
   * Closes every connection of a user, or the one of a session, on every node; what of it was not begun is not applied.
   * `'unauthenticated'` (4401, the default) has the client come back with a fresh credential, which `authenticate` is
   * asked about; `'forbidden'` (4403) has it stay away until the app acts. Its outbox tokens stay good: see `revoke`.
   * Change first what your hooks say, then call this. Rejects with `invalid-data`, `invalid-option` and `closed`; with any other error
   * the engine has failed, and it is to be called again.
   */
  disconnect(of: string | { readonly session: string }, reason?: DisconnectReason): Promise<void>
  /**
   * Ends what a user reads of a channel, on every node: nothing more of it is sent, and the tabs are told `forbidden`.
   * Who asks for it again is judged by `authorize`. Rejects as `disconnect` does.
   */
  unsubscribe(user: string, channel: string): Promise<void>
  /**
   * Ends what a user was given so far, on every node: every outbox token, and as `disconnect` does every connection.
   * Whoever `authenticate` lets in again gets a token that is good. Rejects as `disconnect` does.
   */
  revoke(user: string): Promise<void>
  /**
   * Takes no more connections (503) and no new messages, and waits up to `drainMs` (default 5,000) for what was begun:
   * each client is told when to come back, and its socket closed with 1012, as soon as everything that was begun for it
   * is committed and acknowledged. `publish` works until then. A second call gives the same promise. The HTTP servers
   * stay the app's own, and the paths are answered 503 until they are detached.
   * Rejects with `invalid-option`, before anything is closed.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>
  /**
   * Whether this server takes clients, for a health check: `starting` until its engine has started, `ready`, `closing`
   * from the moment `close` is called, `closed` when it has resolved.
   */
  readiness(): Readiness
  /** Gauges and totals now. A gauge that the engine cannot give is `NaN`. */
  metrics(): Metrics
}

const DEFAULT_DRAIN_MS = 5_000

/**
 * Makes a live server: sessions, channels with history, messages applied once. See {@link LiveServerOptions} for what
 * it asks of the app.
 *
 * @throws HoldfastError `invalid-option`; and what the engine's `start` throws
 */
export function createLiveServer<A extends Authenticated = Authenticated>(options: LiveServerOptions<A> = {}): LiveServer {
  const core = new LiveCore(resolveOptions(options))
  const adapter = new WsAdapter(core)
  return {
    attach(server, given = {}) {
      const { path = '/live' } = readOptions(given, { path: '' })
      // Any other emitter, such as an app of a framework, would take the listener and never call it.
      if (!((server as unknown) instanceof TcpServer) || !('requestTimeout' in server))
        invalidOption(
          'server',
          'must be the HTTP or HTTPS server itself, as createServer of node:http gives it, or createSecureServer of node:http2 with allowHTTP1',
        )
      if (!/^\/[^?#\s]*$/.test(path)) invalidOption('path', 'must begin with / and hold no query')
      const asked = new URL(`http://host${path}`).pathname
      if (asked !== path) invalidOption('path', `must be written as clients ask for it, ${asked}`)
      if (core.isClosing) throw new HoldfastError('closed', 'The server is closed.')
      return adapter.attach(server, path)
    },
    accept(socket, request) {
      const webSocket = webSocketOf(socket)
      if (webSocket === undefined) invalidOption('socket', 'must have send, close, bufferedAmount and addEventListener')
      if (typeof request !== 'object' || request === null || typeof request.headers !== 'object' || request.headers === null)
        invalidOption('request', 'must be the request that the socket began as, with its headers')
      acceptSocket(core, webSocket, request)
    },
    publish: (channel, data) => core.publish(channel, data),
    sendToUser: (user, data) => core.sendToUser(user, data),
    async disconnect(of, reason = 'unauthenticated', ...more: readonly unknown[]) {
      nothingMore('disconnect', 2, more)
      await core.rights.disconnect(of, reason)
    },
    async unsubscribe(user, channel, ...more: readonly unknown[]) {
      nothingMore('unsubscribe', 2, more)
      await core.rights.unsubscribe(user, channel)
    },
    async revoke(user, ...more: readonly unknown[]) {
      nothingMore('revoke', 1, more)
      await core.rights.revoke(user)
    },
    async close(given = {}) {
      const { drainMs = DEFAULT_DRAIN_MS } = readOptions(given, { drainMs: 0 })
      if (!Number.isInteger(drainMs) || drainMs < 0) invalidOption('drainMs', `must be a whole number from 0, not ${drainMs}`)
      await core.close(drainMs)
    },
    readiness: () => core.readiness,
    metrics: () => core.metrics(),
  }
}

/** Who gives more means something that does not happen. */
function nothingMore(name: string, most: number, more: readonly unknown[]): void {
  if (more.length > 0) invalidOption(name, `takes no more than ${most} argument${most === 1 ? '' : 's'}`)
}
