import { WebSocket, type ClientOptions } from 'ws'
import { CONTROL } from '../protocol/frames.ts'
import { CLIENT_INCOMING } from '../protocol/incoming.ts'
import { Line } from '../protocol/line.ts'
import { decodeServerMessage, type ClientMessage, type ServerMessage } from '../protocol/index.ts'

/** Options of {@link openWireClient}. */
export interface WireClientOptions extends ClientOptions {
  /** How long `next`, `until` and `closed` wait before they fail. Default 2,000 ms. */
  readonly deadlineMs?: number
}

/** A client that speaks frames and nothing more: no outbox, no backoff, no opinion. */
export interface WireClient {
  /** Every message received so far, in order. */
  readonly received: readonly ServerMessage[]
  /** The socket, for what no honest client does. */
  readonly socket: WebSocket
  /** Settles when the socket has closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** Sends a message of the protocol, in parts when it is long. */
  send(message: ClientMessage): void
  /** Sends any text as one frame. */
  sendText(text: string): void
  /** The first message of this type that `next` and `until` have not given yet. Messages before it are passed over. */
  next<T extends ServerMessage['type']>(type: T): Promise<Extract<ServerMessage, { type: T }>>
  /** The first such message that satisfies the predicate. */
  until(predicate: (message: ServerMessage) => boolean): Promise<ServerMessage>
  /** Closes the socket and waits for its end. */
  close(): Promise<void>
  /** Cuts the connection as a broken network does, without a closing handshake. */
  cut(): void
}

/**
 * Opens a WebSocket and resolves when it is open; rejects when the upgrade is refused. Fails loudly on a frame that is
 * no message of the protocol.
 */
export async function openWireClient(url: string, options: WireClientOptions = {}): Promise<WireClient> {
  const { deadlineMs = 2_000, ...clientOptions } = options
  const socket = new WebSocket(url, { perMessageDeflate: false, ...clientOptions })
  const received: ServerMessage[] = []
  const listeners = new Set<() => void>()
  const line = new Line({ nowMs: () => performance.now(), write: ({ text }) => socket.send(text) }, CLIENT_INCOMING)
  let given = 0
  let ended: { code: number; reason: string } | undefined
  let broken: Error | undefined
  const tell = (): void => {
    for (const listener of listeners) listener()
  }

  socket.on('message', (data) => {
    const heard = line.receive(Buffer.isBuffer(data) ? data.toString() : '')
    if (heard.type === 'part' || heard.type === 'report') return
    const text = heard.type === 'message' ? heard.text : ''
    const decoded = decodeServerMessage(text)
    if (decoded.ok) received.push(decoded.message)
    else broken = new Error(`the server sent a bad message: ${decoded.error}: ${text.slice(0, 200)}`)
    tell()
  })
  socket.on('error', () => {})
  socket.on('close', (code, reason) => {
    ended = { code, reason: reason.toString() }
    tell()
  })

  /** Resolves with the first value `look` finds; rejects at the deadline. */
  const wait = <T>(what: string, look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const settle = (): void => {
        const found = broken === undefined ? look() : undefined
        if (found === undefined && broken === undefined) return
        clearTimeout(timer)
        listeners.delete(settle)
        if (found === undefined) reject(broken)
        else resolve(found)
      }
      const timer = setTimeout(() => {
        listeners.delete(settle)
        const types = received.map(({ type }) => type).slice(-20)
        reject(
          new Error(
            `no ${what} within ${deadlineMs} ms; received ${JSON.stringify(types)}, ${ended === undefined ? 'open' : `closed ${ended.code}`}`,
          ),
        )
      }, deadlineMs)
      listeners.add(settle)
      settle()
    })

  const until = (what: string, predicate: (message: ServerMessage) => boolean): Promise<ServerMessage> =>
    wait(what, () => {
      while (given < received.length) {
        const message = received[given++]
        if (message !== undefined && predicate(message)) return message
      }
      return undefined
    })

  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })

  return {
    received,
    socket,
    get closed() {
      return wait('close', () => ended)
    },
    send: (message) => line.out.send(CONTROL, { text: JSON.stringify(message) }),
    sendText: (text) => line.out.now({ text }),
    next: async <T extends ServerMessage['type']>(type: T) =>
      (await until(type, (message) => message.type === type)) as Extract<ServerMessage, { type: T }>,
    until: (predicate) => until('such message', predicate),
    async close() {
      socket.close()
      await wait('close', () => ended)
    },
    cut: () => socket.terminate(),
  }
}
