import type { Server } from 'node:http'
import { Server as TcpServer } from 'node:net'
import { LiveCore, type Metrics } from './live-core.ts'
import type { LiveServerOptions } from './options.ts'
import { resolveOptions } from './resolve-options.ts'
import { WsAdapter } from './ws-adapter.ts'
import { HoldfastError, type Cursor } from '../protocol/index.ts'
import { invalidOption, readOptions } from '../protocol/read-options.ts'

/** A running live server. */
export interface LiveServer {
  /**
   * Answers the WebSocket upgrades of `path` (default `/live`) of an HTTP or HTTPS server; other paths are left alone.
   * May be called for several servers.
   * Returns how to detach. Throws `invalid-option`, and `closed` after `close`.
   */
  attach(server: Server, options?: { readonly path?: string }): () => void
  /**
   * Publishes to a channel; resolves with the message's place. Rejects with `invalid-data`, `message-too-large`,
   * `storage-full`, `invalid-option` (`history` gives nothing usable for it) or `closed`; then nothing
   * was published. With any other error the engine has failed, and nobody knows whether it was. Messages of one channel
   * get their places in the order of the calls.
   */
  publish(channel: string, data: unknown): Promise<Cursor>
  /**
   * Publishes to the user's own channel, which only connections authenticated as that user read. Rejects as `publish`
   * does.
   */
  sendToUser(user: string, data: unknown): Promise<Cursor>
  /**
   * Takes no more connections (503), tells every client when to come back, closes their sockets with 1012 and waits up
   * to `drainMs` (default 5,000)
   * for handlers under way to commit. A second call gives the same promise. The HTTP servers stay the app's own.
   * Rejects with `invalid-option`, before anything is closed.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>
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
export function createLiveServer(options: LiveServerOptions = {}): LiveServer {
  const core = new LiveCore(resolveOptions(options))
  const adapter = new WsAdapter(core)
  return {
    attach(server, given = {}) {
      const { path = '/live' } = readOptions(given, { path: '' })
      // Any other emitter, such as an app of a framework, would take the listener and never call it.
      if (!((server as unknown) instanceof TcpServer) || !('requestTimeout' in server))
        invalidOption('server', 'must be the HTTP or HTTPS server itself, as createServer of node:http gives it')
      if (!/^\/[^?#\s]*$/.test(path)) invalidOption('path', 'must begin with / and hold no query')
      if (core.isClosing) throw new HoldfastError('closed', 'The server is closed.')
      return adapter.attach(server, path)
    },
    publish: (channel, data) => core.publish(channel, data),
    sendToUser: (user, data) => core.sendToUser(user, data),
    async close(given = {}) {
      const { drainMs = DEFAULT_DRAIN_MS } = readOptions(given, { drainMs: 0 })
      if (!Number.isInteger(drainMs) || drainMs < 0) invalidOption('drainMs', `must be a whole number from 0, not ${drainMs}`)
      await core.close(drainMs)
      adapter.detachAll()
    },
    metrics: () => core.metrics(),
  }
}
