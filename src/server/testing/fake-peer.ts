import { randomBytes } from 'node:crypto'
import { LiveCore } from '../live-core.ts'
import { PARTS_FEATURE, reportText } from '../../protocol/frames.ts'
import { EVERYTHING, IncomingFrames } from '../../protocol/incoming.ts'
import type { Authenticated, LiveServerOptions } from '../options.ts'
import type { Frame, ServerSocket, SocketEvents } from '../ports.ts'
import { resolveOptions } from '../resolve-options.ts'
import { FakeClock } from './fake-clock.ts'
import {
  CLOSE,
  decodeServerMessage,
  type ClientMessage,
  type CloseName,
  type Hello,
  type PublishedMessage,
  type ServerMessage,
  type SessionInit,
  type SessionRestored,
} from '../../protocol/index.ts'

/** A fresh id, as clients make them. */
export function freshId(): string {
  return randomBytes(16).toString('base64url')
}

/** A client without a network: speaks frames to a {@link LiveCore}, and decides itself when it reads. */
export class FakePeer implements ServerSocket {
  readonly received: ServerMessage[] = []
  readonly frames: string[] = []
  readonly client: string = freshId()
  readonly sender: string = freshId()
  closedWith: { readonly name: CloseName; readonly code: number; readonly why?: string } | undefined
  /** Whether the server does not read. What is said all the same was on its way. */
  isHeld = false
  /** What the socket says of itself. */
  buffered = 0
  draining = false
  /** When set, what is sent piles up until `read`. */
  isStalled = false
  readonly #events: SocketEvents
  #unread: string[] = []
  readonly #incoming = new IncomingFrames(EVERYTHING)

  constructor(core: LiveCore) {
    this.#events = core.accept(this, { headers: {}, origin: undefined, remoteAddress: '127.0.0.1' })
  }

  send(frame: Frame): void {
    if (this.closedWith !== undefined) throw new Error('sent after close')
    this.frames.push(frame.text)
    if (this.isStalled) {
      this.buffered += frame.text.length
      this.draining = true
    }
    if (this.#incoming.arrived(frame.text)) this.#report(reportText(this.#incoming.count))
    const heard = this.#incoming.take(frame.text)
    if (heard.type !== 'message' && heard.type !== 'bad') return
    const text = heard.type === 'message' ? heard.text : frame.text
    const decoded = decodeServerMessage(text)
    if (!decoded.ok) throw new Error(`the server made a bad message: ${decoded.error}: ${text.slice(0, 200)}`)
    this.received.push(decoded.message)
    this.heard(decoded.message)
  }

  /** A whole message came. */
  protected heard(_message: ServerMessage): void {}

  /** A report waits until what came before it is read. */
  #report(text: string): void {
    if (this.isStalled) this.#unread.push(text)
    else queueMicrotask(() => this.#events.text(text))
  }

  close(name: CloseName, why?: string): void {
    this.closedWith = { name, code: CLOSE[name].code, ...(why === undefined ? {} : { why }) }
    queueMicrotask(() => this.#events.closed())
  }

  hold(isHeld: boolean): void {
    this.isHeld = isHeld
  }

  bufferedBytes(): number {
    return this.buffered
  }

  isDraining(): boolean {
    return this.draining
  }

  /** The network has taken everything. */
  read(): void {
    this.report()
    this.#events.drained()
  }

  /** What came is read and reported; the network had room all the while. */
  report(): void {
    this.buffered = 0
    this.draining = false
    for (const report of this.#unread.splice(0)) this.#events.text(report)
  }

  say(message: ClientMessage): void {
    this.text(JSON.stringify(message))
  }

  text(text: string): void {
    this.#events.text(text)
  }

  /** A part of a frame comes. */
  bytes(length: number): void {
    this.#events.bytes?.(length)
  }

  binary(): void {
    this.#events.binary()
  }

  control(): void {
    this.#events.control()
  }

  /** The socket is gone. */
  drop(): void {
    this.#events.closed()
  }

  hello(fields: Partial<Hello> = {}): void {
    this.say({
      type: 'hello',
      features: [PARTS_FEATURE],
      protocol: 1,
      client: this.client,
      sender: this.sender,
      confirmed: 0,
      user: null,
      session: null,
      credential: null,
      subscriptions: [],
      ...fields,
    })
  }

  /** Messages of one type. */
  all<T extends ServerMessage['type']>(type: T): Extract<ServerMessage, { type: T }>[] {
    return this.received.filter((message) => message.type === type) as Extract<ServerMessage, { type: T }>[]
  }

  /** The last message of one type. */
  last<T extends ServerMessage['type']>(type: T): Extract<ServerMessage, { type: T }> {
    const message = this.all(type).at(-1)
    if (message === undefined)
      throw new Error(`no ${type}; received ${JSON.stringify(this.received.map((each) => each.type))}; ${this.closedWith?.code ?? 'open'}`)
    return message
  }

  /** The answer to `hello`. */
  answer(): SessionInit | SessionRestored {
    return this.all('session_init')[0] ?? this.last('session_restored')
  }

  /** Messages of one subscription, replayed and live, in the order they came. */
  messagesOf(sub: number): PublishedMessage[] {
    return this.received.flatMap((message) => {
      if (message.type === 'missed_messages') return message.sub === sub ? message.messages : []
      return message.type === 'messages' ? message.batches.flatMap((batch) => (batch.sub === sub ? batch.messages : [])) : []
    })
  }
}

/** A server without a network, on a fake clock. */
export interface FakeServer {
  readonly core: LiveCore
  readonly clock: FakeClock
  readonly logs: unknown[]
  peer(): FakePeer
  /** A peer whose `hello` was answered. */
  open(fields?: Partial<Hello>): Promise<FakePeer>
}

/** Starts a {@link FakeServer}. */
export function fakeServer<A extends Authenticated = Authenticated>(options: LiveServerOptions<A> = {}): FakeServer {
  const clock = new FakeClock()
  const logs: unknown[] = []
  const core = new LiveCore(resolveOptions({ clock, log: (entry) => logs.push(entry), authorize: () => true, ...options }))
  return {
    core,
    clock,
    logs,
    peer: () => new FakePeer(core),
    async open(fields) {
      const peer = new FakePeer(core)
      peer.hello(fields)
      await clock.settle()
      return peer
    },
  }
}
