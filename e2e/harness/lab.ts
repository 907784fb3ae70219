import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { createLiveServer, Rejected, type LiveServer, type LiveServerOptions } from 'holdfast/server'
import { createFaultProxy, type FaultProxy } from 'holdfast/testing'
import { serveFiles } from './static-files.ts'

/** Where the hub of a test runs: in a SharedWorker, or in a worker of an elected tab. */
export type HubRung = 'shared' | 'elected'

/** A message the server's handler was called with. */
export interface Applied {
  readonly id: string
  readonly data: string
  readonly mayRepeat: boolean
}

/**
 * A socket as the server saw it: from its answer to `hello` to its own closing frame, after which it neither reads nor
 * tells anything.
 */
export interface SocketRecord {
  acceptedAtMs: number | null
  endedAtMs: number | null
}

/**
 * Asked for with the probe page by who wants the site cleared. Nobody else does: a service worker fetches every file
 * without it.
 */
const CLEARING_QUERY = '?clear-site-data'

/** First byte of an unmasked frame: the whole of a text, and the end of the connection. */
const TEXT_FRAME = 0x81
const CLOSE_FRAME = 0x88

/** Keeps the record of a socket by the frames the server writes to it. */
function record(socket: Duplex): SocketRecord {
  const kept: SocketRecord = { acceptedAtMs: null, endedAtMs: null }
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
  socket.write = (...args: unknown[]) => {
    const [chunk] = args
    const first = chunk instanceof Uint8Array ? chunk[0] : undefined
    if (first === TEXT_FRAME) kept.acceptedAtMs ??= performance.now()
    if (first === CLOSE_FRAME) kept.endedAtMs ??= performance.now()
    return write(...args)
  }
  socket.once('close', () => (kept.endedAtMs ??= performance.now()))
  return kept
}

/** A live server on a port of its own, as one process of a deployment would be. */
interface Node {
  readonly live: LiveServer
  readonly http: Server
}

/**
 * The whole scene of a test: a page server, a live server that can be replaced, and the fault proxy between the browser
 * and it.
 */
export interface Lab {
  /**
   * Address of the probe page, with the rung it runs on. It does not go through the proxy, so that a page can be loaded
   * while the network is cut.
   */
  readonly pageUrl: string
  /** An address of the same origin whose answer has the browser clear the site's storage, as that of a sign-out may. */
  readonly clearingUrl: string
  /** Address for `connect`. */
  readonly liveUrl: string
  readonly proxy: FaultProxy
  /** The live server of now. */
  readonly live: LiveServer
  /**
   * What the app's own database holds for each channel: all that took effect, in order. Survives restarts of the live
   * server.
   */
  readonly database: Map<string, string[]>
  /** Every call of the handler, in order. */
  readonly applied: Applied[]
  /** Every socket there was, in the order in which they came. */
  readonly sockets: SocketRecord[]
  /** Whether the handler keeps messages that ask for it. */
  holds: boolean
  /** Writes to the database, then publishes. */
  publish(channel: string, ...data: string[]): Promise<void>
  /** Ends the live server without a word, as a crash would, and starts one that remembers nothing. */
  crashServer(): Promise<void>
  /** Closes the live server gracefully and starts another. */
  restartServer(): Promise<void>
  close(): Promise<void>
}

/**
 * Starts a scene. Messages that contain `reject` are rejected, those that contain `hold` wait for ever while {@link
 * Lab.holds}; everything else is written and published on its channel.
 */
export async function openLab(options: LiveServerOptions = {}, rung: HubRung = 'shared'): Promise<Lab> {
  const database = new Map<string, string[]>()
  const applied: Applied[] = []
  const sockets: SocketRecord[] = []
  const rows = (channel: string): string[] => {
    const known = database.get(channel) ?? []
    database.set(channel, known)
    return known
  }

  const startNode = async (): Promise<Node> => {
    const live = createLiveServer({
      allowedOrigins: '*',
      snapshot: (channel) => [...rows(channel)],
      onMessage: ({ id, channel, data, mayRepeat }, { publish }) => {
        const text = String(data)
        if (lab.holds && text.includes('hold')) return new Promise(() => {})
        applied.push({ id, data: text, mayRepeat })
        if (text.includes('reject')) throw new Rejected('the text asks for it')
        rows(channel).push(text)
        publish(channel, text)
        return { took: text }
      },
      ...options,
    })
    const http = createServer()
    live.attach(http, { path: '/live' })
    // Nobody asks this server for anything but a WebSocket.
    http.on('connection', (socket) => sockets.push(record(socket)))
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    return { live, http }
  }
  const portOf = (server: Server): number => (server.address() as AddressInfo).port

  let node = await startNode()
  const pages = serveFiles(fileURLToPath(new URL('../dist', import.meta.url)), (_path, query) =>
    query === CLEARING_QUERY ? { 'clear-site-data': '"storage"' } : {},
  )
  pages.listen(0, '127.0.0.1')
  await once(pages, 'listening')
  const proxy = await createFaultProxy({ target: { host: '127.0.0.1', port: portOf(node.http) } })
  const ended: Node[] = []

  const replace = async (): Promise<void> => {
    ended.push(node)
    node = await startNode()
    proxy.target = { host: '127.0.0.1', port: portOf(node.http) }
  }
  const end = async ({ live, http }: Node): Promise<void> => {
    await live.close({ drainMs: 0 })
    http.closeAllConnections()
    http.close()
  }

  const lab: Lab = {
    holds: false,
    pageUrl: `http://127.0.0.1:${portOf(pages)}/${rung === 'elected' ? '?shared=false' : ''}`,
    clearingUrl: `http://127.0.0.1:${portOf(pages)}/${CLEARING_QUERY}`,
    liveUrl: proxy.url('/live'),
    proxy,
    get live() {
      return node.live
    },
    database,
    applied,
    sockets,
    async publish(channel, ...data) {
      for (const text of data) {
        rows(channel).push(text)
        await node.live.publish(channel, text)
      }
    },
    async crashServer() {
      await replace()
      proxy.cutAll()
    },
    async restartServer() {
      const old = node
      await replace()
      await old.live.close({ drainMs: 1_000 })
    },
    async close() {
      await proxy.close()
      await Promise.all([node, ...ended].map(end))
      pages.closeAllConnections()
      pages.close()
    },
  }
  return lab
}
