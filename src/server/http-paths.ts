import { Buffer } from 'node:buffer'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Http2SecureServer } from 'node:http2'
import type { Duplex } from 'node:stream'
import { answerRequest, answerUpgrade } from './http-answer.ts'
import { pathOf } from './path-of.ts'

/** A server that upgrades: of `node:http`, `node:https`, or of `node:http2` with `allowHTTP1`. */
export type HttpServer = Server | Http2SecureServer

/** Who answers a path of an HTTP server. */
export interface PathOwner {
  /** A WebSocket upgrade of the path. */
  readonly upgrade: UpgradeListener
  /** Any other request of the path. */
  plain(request: IncomingMessage): { readonly status: number; readonly text: string; readonly headers: Readonly<Record<string, string>> }
  /** A WebSocket upgrade of another path, which nobody takes: these are taken. */
  elsewhere(request: IncomingMessage, paths: readonly string[]): void
  /** The path has gone to another owner. */
  replaced(): void
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void
type Emit = (event: string | symbol, ...given: unknown[]) => boolean

const NOBODY = 'Nobody answers here: this HTTP server has no request handler.'
const ELSEWHERE = 'No WebSocket is served at this path.'
/**
 * Listeners of this kind, in whatever copy of the package: they leave the upgrades that are nobody's to the first of
 * them.
 */
const LISTENER = Symbol.for('holdfast.upgrades')

const pathsOf = new WeakMap<HttpServer, HttpPaths>()

/**
 * The paths of one HTTP server that live servers answer. Every listener of `upgrade` hears every upgrade, and some end
 * those that are not theirs, so that no listener can keep a socket for itself. Requests of the paths are therefore
 * taken out before anybody is told, where the server emits them; all others go on as they came.
 */
export class HttpPaths {
  readonly #server: HttpServer
  readonly #owners = new Map<string, PathOwner>()
  readonly #upgraded: UpgradeListener
  /** Is the server's `emit` while there are paths; where somebody has put another one on it, it stays and passes on. */
  readonly #emit: Emit
  #emitOthers: Emit
  #isOnServer = false

  private constructor(server: HttpServer) {
    this.#server = server
    this.#emitOthers = server.emit as Emit
    this.#upgraded = Object.assign(this.#nobodys.bind(this), { [LISTENER]: true })
    this.#emit = (event, ...given) => this.#take(event, given) || this.#pass(event, given)
  }

  /** The paths of a server. */
  static of(server: HttpServer): HttpPaths {
    let paths = pathsOf.get(server)
    if (paths === undefined) pathsOf.set(server, (paths = new HttpPaths(server)))
    return paths
  }

  /** Gives a path to an owner, instead of who had it; returns how to give it back. */
  give(path: string, owner: PathOwner): () => void {
    const before = this.#owners.get(path)
    this.#owners.set(path, owner)
    if (before !== undefined) before.replaced()
    else if (this.#owners.size === 1) this.#begin()
    return () => {
      if (this.#owners.get(path) !== owner) return
      this.#owners.delete(path)
      if (this.#owners.size === 0) this.#end()
    }
  }

  #begin(): void {
    // Without a listener, Node takes an upgrade for an ordinary request.
    this.#server.on('upgrade', this.#upgraded)
    if (this.#isOnServer) return
    this.#emitOthers = this.#server.emit as Emit
    this.#server.emit = this.#emit
    this.#isOnServer = true
  }

  #end(): void {
    this.#server.off('upgrade', this.#upgraded)
    if (this.#server.emit !== this.#emit) return
    Reflect.deleteProperty(this.#server, 'emit')
    // What others had put on the server itself is put back; what it inherits is there again.
    if (this.#server.emit !== this.#emitOthers) this.#server.emit = this.#emitOthers
    this.#isOnServer = false
  }

  /** Hands an event on. A request that nobody hears would stay without an answer. */
  #pass(event: string | symbol, given: unknown[]): boolean {
    const isHeard = this.#emitOthers.call(this.#server, event, ...given)
    if (isHeard || event !== 'request' || this.#owners.size === 0) return isHeard
    answerRequest(given[1] as ServerResponse, 404, NOBODY)
    return true
  }

  /** Takes what is for one of the paths; false when it is not. */
  #take(event: string | symbol, given: unknown[]): boolean {
    const isUpgrade = event === 'upgrade'
    if (!isUpgrade && event !== 'request' && event !== 'checkContinue' && event !== 'checkExpectation') return false
    const request = given[0] as IncomingMessage
    const owner = this.#owners.get(pathOf(request))
    if (owner === undefined) return false
    if (isUpgrade && isWebSocketUpgrade(request)) owner.upgrade(request, given[1] as Duplex, given[2] as Buffer)
    else if (isUpgrade) {
      const { status, text, headers } = owner.plain(request)
      answerUpgrade(given[1] as Duplex, status, text, headers)
    } else this.#answer(owner, request, given[1] as ServerResponse)
    return true
  }

  #answer(owner: PathOwner, request: IncomingMessage, response: ServerResponse): void {
    if (!this.#server.listeners('upgrade').includes(this.#upgraded)) {
      // Somebody has removed all listeners of `upgrade`, so that Node took an upgrade for a request. For this one it is
      // too late.
      this.#server.on('upgrade', this.#upgraded)
      answerRequest(response, 503, 'Try again.', { 'Retry-After': '1' })
      return
    }
    const { status, text, headers } = owner.plain(request)
    // HTTP/2 has neither header.
    const upgrade = status === 426 && request.httpVersionMajor < 2 ? { Upgrade: 'websocket', Connection: 'Upgrade' } : {}
    answerRequest(response, status, text, { ...headers, ...upgrade })
  }

  /**
   * An upgrade of no path here. Others who listen have heard of it, too; where there are none, it would stay without an
   * answer.
   */
  #nobodys(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const listeners = this.#server.listeners('upgrade')
    const [first] = listeners
    if (first !== this.#upgraded || !listeners.every((listener) => LISTENER in listener)) return
    if (!isWebSocketUpgrade(request)) {
      this.#again(request, socket, head)
      return
    }
    for (const owner of new Set(this.#owners.values())) owner.elsewhere(request, [...this.#owners.keys()])
    answerUpgrade(socket, 404, ELSEWHERE)
  }

  /**
   * An upgrade to another protocol, such as `h2c`: without a listener Node takes it for an ordinary request. Its head
   * was read, and Node has let go of the socket; so the socket is handed to the server as a new connection, whose first
   * bytes are that head.
   */
  #again(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { method, url, httpVersion, rawHeaders } = request
    let text = `${method ?? ''} ${url ?? ''} HTTP/${httpVersion}\r\n`
    for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at] ?? ''}: ${rawHeaders[at + 1] ?? ''}\r\n`
    const listeners = this.#server.listeners('upgrade') as UpgradeListener[]
    for (const listener of listeners) this.#server.off('upgrade', listener)
    try {
      this.#pass('encrypted' in socket ? 'secureConnection' : 'connection', [socket])
      socket.emit('data', Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]))
    } finally {
      for (const listener of listeners) this.#server.on('upgrade', listener)
    }
  }
}

function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return (headers.upgrade ?? '').split(',').some((protocol) => protocol.trim().toLowerCase() === 'websocket')
}
