import type { Flusher } from './flusher.ts'
import type { LostPlace } from './channel-log.ts'
import type { Frame, ServerSocket } from './ports.ts'
import type { Receiver, ReceiverOutbound } from './receiver.ts'
import type { SharedChunk } from './shared-chunk.ts'
import type { ServerMessage } from '../protocol/index.ts'

/** What an outbound needs of its connection. */
export interface OutboundHost {
  readonly flusher: Flusher
  readonly outboundBytes: number
  readonly frameBytes: number
  /** The receiver's place is not in the log any more. */
  lost(receiver: Receiver, lost: LostPlace): void
  /** More waits for the socket than the limits can explain: the client does not read. */
  overflowed(): void
}

const HEAD = '{"type":"messages","batches":['
const TAIL = ']}'
/** More than the envelope of one batch. */
const BATCH_BYTES = 64

/**
 * What goes to one socket. Control frames go at once; messages of the logs are read when the socket has room, so that nothing is queued
 * for a client that reads slowly.
 */
export class Outbound implements ReceiverOutbound {
  readonly #socket: ServerSocket
  readonly #host: OutboundHost
  readonly #wanted = new Set<Receiver>()
  #waiting: (() => void)[] = []
  #isOpen = true

  constructor(socket: ServerSocket, host: OutboundHost) {
    this.#socket = socket
    this.#host = host
  }

  /** Sends a control message. */
  send(message: ServerMessage): void {
    this.sendText(JSON.stringify(message))
  }

  /** Sends a control message that is JSON text already. */
  sendText(text: string): void {
    if (!this.#isOpen) return
    const { outboundBytes, frameBytes } = this.#host
    // Acks and snapshots are not held back by the pump, so the socket of a client that only asks and never reads has its own end.
    if (this.#socket.bufferedBytes() > 4 * Math.max(outboundBytes, frameBytes)) this.#host.overflowed()
    else this.#socket.send({ text })
  }

  /** The receiver may have something to read. */
  want(receiver: Receiver): void {
    if (receiver.phase === 'live' || receiver.phase === 'missed') this.#wanted.add(receiver)
  }

  /** Whether the socket is over its limit; `ready` then waits for it. */
  isFull(): boolean {
    return this.#socket.isDraining() && this.#socket.bufferedBytes() >= this.#host.outboundBytes
  }

  /** Resolves when the socket has room, or is gone. */
  ready(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOpen && this.isFull()) this.#waiting.push(resolve)
      else resolve()
    })
  }

  /** The socket has taken everything. */
  drained(): void {
    this.#wake()
    if (this.#wanted.size > 0) this.#host.flusher.mark(this)
  }

  /** Nothing is sent from now on. */
  end(): void {
    this.#isOpen = false
    this.#wanted.clear()
    this.#wake()
  }

  /** Sends each wanted receiver its next chunk, all live ones in one frame as far as it reaches. */
  flush(): void {
    const chunks: { readonly sub: number; readonly chunk: SharedChunk }[] = []
    let bytes = 0
    let hasMore = false
    for (const receiver of this.#wanted) {
      if (!this.#isOpen || this.isFull()) break
      const { shared, phase } = receiver
      if (shared === undefined || (phase !== 'live' && phase !== 'missed')) {
        this.#wanted.delete(receiver)
        continue
      }
      // A replay goes on when the socket has drained, and its place is judged then: right before the read.
      if (phase === 'missed' && this.#socket.isDraining()) continue
      const lost = shared.log.judge(receiver.place)
      if (lost !== null) {
        this.#wanted.delete(receiver)
        this.#host.lost(receiver, lost)
      } else if (phase === 'missed') {
        this.#sendMissed(receiver, shared.missed(receiver.place.offset, receiver.target))
        hasMore = true
      } else if (receiver.place.offset === shared.log.head) {
        this.#wanted.delete(receiver)
      } else {
        const chunk = shared.live(receiver.place.offset)
        if (bytes + chunk.bytes + BATCH_BYTES > this.#host.frameBytes - BATCH_BYTES) {
          this.#sendLive(chunks.splice(0))
          bytes = 0
        }
        chunks.push({ sub: receiver.sub, chunk })
        bytes += chunk.bytes + BATCH_BYTES
        receiver.place = chunk.end
        if (chunk.end.offset === shared.log.head) this.#wanted.delete(receiver)
        else hasMore = true
      }
    }
    this.#sendLive(chunks)
    // What waits for the socket to drain is marked by `drained`; the rest goes on in the next turn, after everybody else's.
    if (hasMore && !this.isFull()) this.#host.flusher.mark(this)
  }

  #sendMissed(receiver: Receiver, chunk: SharedChunk): void {
    const { sub } = receiver
    this.#socket.send(frameOf(chunk, sub, () => `{"type":"missed_messages","sub":${sub},"messages":[${chunk.body}]}`))
    receiver.place = chunk.end
    if (chunk.end.offset >= receiver.target) receiver.phase = 'live'
  }

  #sendLive(chunks: readonly { readonly sub: number; readonly chunk: SharedChunk }[]): void {
    const [first] = chunks
    if (first === undefined) return
    if (chunks.length === 1) this.#socket.send(frameOf(first.chunk, first.sub, () => HEAD + batch(first.sub, first.chunk) + TAIL))
    else this.#socket.send({ text: HEAD + chunks.map(({ sub, chunk }) => batch(sub, chunk)).join(',') + TAIL })
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function batch(sub: number, chunk: SharedChunk): string {
  return `{"sub":${sub},"messages":[${chunk.body}]}`
}

function frameOf(chunk: SharedChunk, sub: number, make: () => string): Frame {
  let frame = chunk.frames.get(sub)
  if (frame === undefined) {
    frame = { text: make() }
    chunk.frames.set(sub, frame)
  }
  return frame
}
