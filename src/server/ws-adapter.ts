import { Buffer } from 'node:buffer'
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws'
import type { LiveCore } from './live-core.ts'
import { pathOf } from './path-of.ts'
import type { Frame, ServerSocket, UpgradeRequest } from './ports.ts'
import { CLOSE, type CloseName } from '../protocol/index.ts'

/** Fragments and chunks of one message; a browser sends a message in one piece. */
const MAX_FRAGMENTS = 64
const MAX_BUFFERED_CHUNKS = 1_024
/** Time for the peer's half of the closing handshake, then the socket is cut. */
const CLOSE_TIMEOUT_MS = 5_000
/** What an HTTP server of the app should give a request at most: slower headers are an attack, or a network nobody can use. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 15_000

/** Puts a {@link LiveCore} on WebSockets. The only file that knows `ws`. */
export class WsAdapter {
  readonly #core: LiveCore
  readonly #server: WebSocketServer
  readonly #detach = new Map<Server, () => void>()

  constructor(core: LiveCore) {
    this.#core = core
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: core.settings.limits.frameBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_BUFFERED_CHUNKS,
      closeTimeout: CLOSE_TIMEOUT_MS,
    }
    this.#server = new WebSocketServer(options)
  }

  /** Answers the upgrades of one path of an HTTP server; returns how to stop that. */
  attach(server: Server, path: string): () => void {
    this.#detach.get(server)?.()
    const { headersTimeout, requestTimeout } = server
    if (!isWithin(headersTimeout, HEADERS_TIMEOUT_MS) || !isWithin(requestTimeout, REQUEST_TIMEOUT_MS))
      this.#core.log({ level: 'info', event: 'http_timeouts_long', headersTimeout, requestTimeout })
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (pathOf(request) === path) this.#upgrade(request, socket, head)
      // Nobody else is there to answer, and an upgrade without an answer is a socket that stays.
      else if (server.listenerCount('upgrade') === 1) refuse(socket, 404)
    }
    const detach = (): void => {
      server.off('upgrade', onUpgrade)
      this.#detach.delete(server)
    }
    server.on('upgrade', onUpgrade)
    this.#detach.set(server, detach)
    return detach
  }

  /** Stops answering upgrades on every server. */
  detachAll(): void {
    for (const detach of this.#detach.values()) detach()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { headers } = request
    const from: UpgradeRequest = { headers, origin: headers.origin, remoteAddress: request.socket.remoteAddress }
    const passage = this.#core.gate.enter(from)
    if (!passage.isAllowed) {
      refuse(socket, passage.status, passage.retryAfterSeconds)
      return
    }
    socket.once('close', passage.leave)
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, socket, from))
  }

  #accept(webSocket: WebSocket, socket: Duplex, request: UpgradeRequest): void {
    const events = this.#core.accept(new WsSocket(webSocket, socket), request)
    webSocket.on('message', (data, isBinary) => {
      // With the default `binaryType` a message is one buffer.
      if (isBinary || !Buffer.isBuffer(data)) events.binary()
      else events.text(data.toString())
    })
    webSocket.on('ping', () => events.control())
    webSocket.on('pong', () => events.control())
    // `ws` answers what breaks the framing rules with the code that belongs to it.
    webSocket.on('error', () => this.#core.count('refused.frame'))
    webSocket.on('close', () => events.closed())
    socket.on('drain', () => events.drained())
  }
}

class WsSocket implements ServerSocket {
  readonly #webSocket: WebSocket
  readonly #socket: Duplex

  constructor(webSocket: WebSocket, socket: Duplex) {
    this.#webSocket = webSocket
    this.#socket = socket
  }

  send(frame: Frame): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return
    // Written past `ws`, which would make the same header again for every socket and write it apart. Nothing is compressed and what a server sends is
    // not masked, so `ws` has no state here that this could disturb.
    this.#socket.write((frame.wire ??= textFrame(frame.text)))
  }

  close(name: CloseName): void {
    this.#webSocket.close(CLOSE[name].code, name)
  }

  bufferedBytes(): number {
    return this.#socket.writableLength
  }

  isDraining(): boolean {
    return this.#socket.writableNeedDrain
  }
}

/** A whole text frame of RFC 6455, as a server sends it. */
function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const wire = Buffer.allocUnsafe(headerLength + length)
  wire[0] = 0x81
  if (headerLength === 2) wire[1] = length
  else if (headerLength === 4) {
    wire[1] = 126
    wire.writeUInt16BE(length, 2)
  } else {
    wire[1] = 127
    wire.writeBigUInt64BE(BigInt(length), 2)
  }
  wire.write(text, headerLength)
  return wire
}

function isWithin(timeoutMs: number, mostMs: number): boolean {
  return timeoutMs > 0 && timeoutMs <= mostMs
}

function refuse(socket: Duplex, status: number, retryAfterSeconds: number = 0): void {
  socket.on('error', () => socket.destroy())
  const retry = retryAfterSeconds > 0 ? `Retry-After: ${retryAfterSeconds}\r\n` : ''
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${retry}Connection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  )
}
