import { Buffer } from 'node:buffer'
import { closeRefusal, frameRefusal } from './close-refusals.ts'
import type { LiveCore } from './live-core.ts'
import type { Frame, ServerSocket, SocketEvents, UpgradeRequest } from './ports.ts'
import type { AcceptedRequest, WebSocketLike } from './websocket-like.ts'
import { CLOSE, type CloseName } from '../protocol/index.ts'
import { invalidOption } from '../protocol/read-options.ts'

/** Time for the peer's half of the closing handshake, then the socket is cut. */
export const CLOSE_TIMEOUT_MS = 5_000
/** With more than this waiting a socket counts as behind, as a stream of Node does. */
const HIGH_WATER_BYTES = 16 * 1_024
/** How often a socket that is behind is looked at: a WebSocket tells nobody that it has caught up. */
const DRAIN_LOOK_MS = 20

/** Sockets that were given once: two connections on one would each answer what the other heard. */
const given = new WeakSet<WebSocketLike>()

/** Lets an open WebSocket in, or closes it. From then on it belongs to the live server. */
export function acceptSocket(core: LiveCore, webSocket: WebSocketLike, began: AcceptedRequest): void {
  if (given.has(webSocket)) invalidOption('socket', 'was given to accept before')
  given.add(webSocket)
  const request = requestOf(began)
  const passage = core.gate.enter(request)
  if (!passage.isAllowed) {
    new AnySocket(webSocket, core).close(passage.close)
    return
  }
  const socket = new AnySocket(webSocket, core)
  const events = core.accept(socket, request)
  socket.drained = () => events.drained()
  socket.gone = () => {
    passage.leave()
    events.closed()
  }
  listen(webSocket, core, events, () => socket.close('tooLarge'))
}

/** Tells a connection what is heard on its socket, but not that it has ended. */
function listen(webSocket: WebSocketLike, core: LiveCore, events: SocketEvents, tooLarge: () => void): void {
  const { frameBytes } = core.settings.limits
  let isOver = false
  webSocket.addEventListener('message', ({ data }) => {
    if (isOver) return
    if (typeof data !== 'string') events.binary()
    else if (Buffer.byteLength(data) <= frameBytes) events.text(data)
    else {
      // Whoever made the socket may have let more through than this server takes.
      isOver = true
      core.count('closes.tooLarge')
      core.gate.refusals.tell(closeRefusal('tooLarge'))
      tooLarge()
    }
  })
  webSocket.addEventListener('error', (event) => {
    core.count('refused.frame')
    core.gate.refusals.tell(frameRefusal('error' in event ? event.error : undefined))
  })
  webSocket.on?.('ping', () => events.control())
  webSocket.on?.('pong', () => events.control())
}

/** What the hooks of the app are told of a request, whatever framework it comes from. */
function requestOf({ headers, socket, remoteAddress }: AcceptedRequest): UpgradeRequest {
  const pairs = Symbol.iterator in headers ? [...(headers as Iterable<[string, string]>)] : Object.entries(headers)
  const read = Object.fromEntries(pairs) as UpgradeRequest['headers']
  const { origin } = read
  return { headers: read, origin: typeof origin === 'string' ? origin : undefined, remoteAddress: socket?.remoteAddress ?? remoteAddress }
}

/** A WebSocket of any library, as a connection sees it. */
class AnySocket implements ServerSocket {
  drained: () => void = () => {}
  gone: () => void = () => {}
  readonly #webSocket: WebSocketLike
  readonly #core: LiveCore
  #isLooking = false
  #isClosed = false
  #cancelCut: () => void = () => {}

  constructor(webSocket: WebSocketLike, core: LiveCore) {
    this.#webSocket = webSocket
    this.#core = core
    webSocket.addEventListener('close', () => this.#end())
    // One that was refused may go on sending until it is closed: an error that nobody hears would end the process.
    webSocket.addEventListener('error', () => {})
  }

  send(frame: Frame): void {
    if (this.#isClosed || this.#webSocket.readyState !== 1) return
    this.#try(() => this.#webSocket.send(frame.text))
    if (this.isDraining()) this.#look()
  }

  close(name: CloseName, why: string = name): void {
    this.#cancelCut()
    this.#cancelCut = this.#core.settings.clock.setTimer(CLOSE_TIMEOUT_MS, () => {
      this.#try(() => this.#webSocket.terminate?.())
      this.#end()
    })
    this.#try(() => this.#webSocket.close(CLOSE[name].code, why))
  }

  hold(isHeld: boolean): void {
    this.#try(() => (isHeld ? this.#webSocket.pause?.() : this.#webSocket.resume?.()))
  }

  bufferedBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  isDraining(): boolean {
    return !this.#isClosed && this.#webSocket.bufferedAmount > HIGH_WATER_BYTES
  }

  #look(): void {
    if (this.#isLooking) return
    this.#isLooking = true
    this.#core.settings.clock.setTimer(DRAIN_LOOK_MS, () => {
      this.#isLooking = false
      if (this.#isClosed) return
      if (this.isDraining()) this.#look()
      else this.drained()
    })
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelCut()
    this.gone()
  }

  /** A library may throw when its socket has just ended; that it has is told by `close`. */
  #try(work: () => unknown): void {
    try {
      work()
    } catch {
      this.#core.count('refused.frame')
    }
  }
}
