import { Buffer } from 'node:buffer'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws'
import { CLOSE_TIMEOUT_MS } from './accept-socket.ts'
import { frameRefusal } from './close-refusals.ts'
import { NOBODY } from './fair-turns.ts'
import { CLOSED } from './gate.ts'
import { answerUpgrade } from './http-answer.ts'
import { HttpPaths, type HttpServer, type PathOwner } from './http-paths.ts'
import type { LiveCore } from './live-core.ts'
import { pathOf } from './path-of.ts'
import type { Frame, ServerSocket, UpgradeRequest } from './ports.ts'
import { textOf, type Refusal } from './refusals.ts'
import { CLOSE, type CloseName } from '../protocol/index.ts'

/** Fragments of one message; a browser sends a message in one piece. */
const MAX_FRAGMENTS = 64
/**
 * Chunks in which one message may come, and how short they may be on average where it is a long one: shorter ones cost
 * more memory than they hold.
 */
const MIN_CHUNKS = 1_024
const CHUNK_BYTES = 64
/**
 * What an HTTP server of the app should give a request at most: slower headers are an attack, or a network nobody can
 * use.
 */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 15_000

const PLAIN = 'This is the address of a WebSocket. There is nothing to read here without one.'
const UPGRADE_LOST: Refusal = {
  kind: 'upgrade',
  sentence: 'A WebSocket was asked for, but the request came without Upgrade: websocket.',
  came: 'a plain request with Sec-WebSocket-Key',
  expected: 'Connection: Upgrade, Upgrade: websocket',
  advice:
    'A proxy has dropped it. nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
}

/** Puts a {@link LiveCore} on the WebSockets of HTTP servers. The only file that knows `ws`. */
export class WsAdapter {
  readonly #core: LiveCore
  readonly #server: WebSocketServer

  constructor(core: LiveCore) {
    this.#core = core
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: core.settings.limits.frameBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: Math.max(MIN_CHUNKS, Math.ceil(core.settings.limits.frameBytes / CHUNK_BYTES)),
      closeTimeout: CLOSE_TIMEOUT_MS,
    }
    this.#server = new WebSocketServer(options)
    this.#server.on('wsClientError', ({ message }, socket, request) => this.#malformed(message, socket, request))
  }

  /** Answers one path of an HTTP server; returns how to stop that. */
  attach(server: HttpServer, path: string): () => void {
    // Not in the types of an HTTP/2 server, which has them where it takes HTTP/1, too.
    const { headersTimeout, requestTimeout } = server as Pick<Server, 'headersTimeout' | 'requestTimeout'>
    if (!isWithin(headersTimeout, HEADERS_TIMEOUT_MS) || !isWithin(requestTimeout, REQUEST_TIMEOUT_MS))
      this.#core.log({ level: 'info', event: 'http_timeouts_long', headersTimeout, requestTimeout })
    return HttpPaths.of(server).give(path, {
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
      plain: (request) => this.#plain(request),
      elsewhere: (request, paths) => this.#elsewhere(request, paths),
      replaced: () => {
        if (!this.#core.isClosing) this.#core.log({ level: 'info', event: 'path_replaced', path })
      },
    })
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { headers } = request
    const from: UpgradeRequest = { headers, origin: headers.origin, remoteAddress: request.socket.remoteAddress }
    const passage = this.#core.gate.enter(from)
    if (!passage.isAllowed) {
      const { status, refusal, retryAfterSeconds } = passage
      answerUpgrade(socket, status, textOf(refusal), retryAfterSeconds > 0 ? { 'Retry-After': String(retryAfterSeconds) } : {})
      return
    }
    socket.once('close', passage.leave)
    const turn = this.#core.fairTurns.turnOf(NOBODY)
    if (turn === undefined) return this.#open(request, socket, head, from)
    // While it waits nobody else hears that it fails.
    const ignore = (): void => {}
    socket.on('error', ignore)
    void turn.then(() => {
      socket.off('error', ignore)
      if (!socket.destroyed) this.#open(request, socket, head, from)
    })
  }

  #open(request: IncomingMessage, socket: Duplex, head: Buffer, from: UpgradeRequest): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, socket, from))
  }

  /** A request of the path that is no upgrade to a WebSocket. */
  #plain(request: IncomingMessage): ReturnType<PathOwner['plain']> {
    if (this.#core.isClosing) return { status: 503, text: CLOSED.sentence, headers: { 'Retry-After': '1' } }
    // Only a WebSocket client sends a key.
    if (request.headers['sec-websocket-key'] === undefined) return { status: 426, text: PLAIN, headers: {} }
    return { status: 426, text: this.#refuse('upgrade', UPGRADE_LOST), headers: {} }
  }

  /** A WebSocket upgrade that `ws` finds malformed. */
  #malformed(message: string, socket: Duplex, { method, headers }: IncomingMessage): void {
    const version = headers['sec-websocket-version']
    const came = `${String(method)}, Sec-WebSocket-Version: ${String(version)}`
    const text = this.#refuse('handshake', {
      kind: 'handshake',
      sentence: `This is no WebSocket handshake: ${message}.`,
      came,
      expected: 'GET, Sec-WebSocket-Version: 13',
    })
    answerUpgrade(socket, method === 'GET' ? 400 : 405, text, method === 'GET' ? { 'Sec-WebSocket-Version': '13' } : { Allow: 'GET' })
  }

  #elsewhere(request: IncomingMessage, paths: readonly string[]): void {
    this.#refuse('path', {
      kind: 'path',
      sentence: 'A WebSocket was asked for at a path where nobody serves one.',
      came: pathOf(request),
      expected: paths.join(' '),
      option: 'path of attach, url of connect',
      advice: 'A proxy must pass the path on as it came. nginx: no path after the host in proxy_pass.',
    })
  }

  /** Counts a refusal, writes its line, and gives what to tell the client. */
  #refuse(why: string, refusal: Refusal): string {
    this.#core.count(`refused.${why}`)
    this.#core.gate.refusals.tell(refusal)
    return textOf(refusal)
  }

  /**
   * As for any other WebSocket, without what those cost: text is not wrapped into events, and a frame is made once for
   * all sockets.
   */
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
    webSocket.on('error', (error) => this.#refuse('frame', frameRefusal(error)))
    webSocket.on('close', () => events.closed())
    socket.on('drain', () => events.drained())
    socket.on('data', (chunk: Buffer) => events.bytes?.(chunk.length))
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
    // Written past `ws`, which would make the same header again for every socket and write it apart. Nothing is
    // compressed and what a server sends is not masked, so `ws` has no state here that this could disturb.
    this.#socket.write((frame.wire ??= textFrame(frame.text)))
  }

  close(name: CloseName, why: string = name): void {
    this.#webSocket.close(CLOSE[name].code, why)
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#webSocket.pause()
    else this.#webSocket.resume()
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
