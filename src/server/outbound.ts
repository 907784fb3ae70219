import type { Flusher } from './flusher.ts'
import type { LostPlace } from './channel-log.ts'
import type { Frame, ServerSocket } from './ports.ts'
import { Pace } from './pace.ts'
import type { Receiver, ReceiverOutbound } from './receiver.ts'
import type { SharedChannel } from './shared-channel.ts'
import type { SharedChunk } from './shared-chunk.ts'
import { CONTROL, PART_BYTES, PARTS_FEATURE } from '../protocol/frames.ts'
import type { IncomingLimits } from '../protocol/incoming.ts'
import { Line } from '../protocol/line.ts'
import type { CloseName, Hello, ServerMessage } from '../protocol/index.ts'

/** What an outbound needs of its connection. */
export interface OutboundHost {
  readonly flusher: Flusher
  readonly outboundBytes: number
  readonly frameBytes: number
  readonly incoming: IncomingLimits
  nowMs(): number
  /** The receiver's place is not in the log any more. */
  lost(receiver: Receiver, lost: LostPlace): void
}

const HEAD = '{"type":"messages","batches":['
const TAIL = ']}'
/** What may wait of a burst, in multiples of the outbound limit: the text is kept once for all sockets. */
const BURST_SHARE = 2
/** Before these closes the client is told what is committed. */
const TOLD_BEFORE: ReadonlySet<CloseName> = new Set(['restart', 'signedOut', 'rate', 'busy'])
/** More than the envelope of one batch. */
const BATCH_BYTES = 64

/**
 * What goes to one socket. What is about the connection goes at once; messages of the logs are read when the line has
 * room, so that nothing is queued for a client that reads slowly. What is about one subscription keeps its order, and
 * waits for no other subscription.
 */
export class Outbound implements ReceiverOutbound {
  readonly line: Line
  readonly #socket: ServerSocket
  readonly #host: OutboundHost
  readonly #wanted = new Set<Receiver>()
  readonly #pace = new Pace()
  #waiting: (() => void)[] = []
  #isOpen = true

  constructor(socket: ServerSocket, host: OutboundHost) {
    this.#socket = socket
    this.#host = host
    const line = {
      nowMs: () => host.nowMs(),
      write: (frame: Frame) => socket.send(frame),
      isFull: () => !this.#isOpen || this.#isSocketFull(),
      pull: () => this.#sendLogs(),
      goOn: () => host.flusher.mark(this),
    }
    this.line = new Line(line, host.incoming)
    // Until it says otherwise: what knows neither parts nor reports would take them for bad messages.
    this.line.out.isPlain = true
  }

  /** The client has said what it knows, and how long its frames may be. */
  meet({ features = [], partBytes }: Hello): void {
    const { out } = this.line
    if (features.includes(PARTS_FEATURE)) out.isPlain = false
    if (partBytes !== undefined) out.partBytes = partBytes
  }

  /** Sends a message about the connection, or about one subscription. */
  send(message: ServerMessage, sub: number = CONTROL): void {
    this.sendText(JSON.stringify(message), sub)
  }

  /** Sends a message that is JSON text already. */
  sendText(text: string, sub: number = CONTROL): void {
    if (this.#isOpen) this.line.out.send(sub, { text })
  }

  /** Says that the server lives: by a report, or to a client that knows none by a `pong`, once its `hello` was answered. */
  sayAlive(isAnswered: boolean): void {
    if (!this.line.out.isPlain) this.line.report()
    else if (isAnswered) this.send({ type: 'pong' })
  }

  /** What waits for a subscription is not wanted any more. */
  drop(sub: number): void {
    if (this.#isOpen) this.line.out.drop(sub)
  }

  /** The receiver may have something to read. */
  want(receiver: Receiver): void {
    if (receiver.phase === 'live' || receiver.phase === 'missed') this.#wanted.add(receiver)
  }

  /**
   * Resolves when it is the turn of a value of so many UTF-16 units, or the socket is gone: one at a time, when there
   * is room. A short one waits for no long one.
   */
  ready(units: number): Promise<void> {
    if (units <= PART_BYTES || !this.#isOpen) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#host.flusher.mark(this)
    })
  }

  /**
   * Whether less than the floor rate has arrived for so long, though there was more. To be asked about once a second.
   */
  isTooSlow(nowMs: number, patienceMs: number): boolean {
    const { out } = this.line
    return this.#pace.isTooSlow(nowMs, patienceMs, out.isOwed || this.#isSocketFull(), out.moved)
  }

  /** Something has arrived: a value may have its turn. */
  moved(): void {
    if (this.#waiting.length > 0) this.#host.flusher.mark(this)
  }

  /** The socket has taken everything. */
  drained(): void {
    this.flush()
  }

  /** The socket is about to be closed for this reason: what must be told before is put on it. */
  finish(name: CloseName): void {
    if (TOLD_BEFORE.has(name)) this.line.out.finish(CONTROL)
  }

  /** Nothing is sent from now on. */
  end(): void {
    this.#isOpen = false
    this.#wanted.clear()
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /**
   * Sends what there is room for: a share of it, when there is much. In a burst what there is no room for is taken out
   * of the log before it is lost there.
   */
  flush(isBurst: boolean = false): void {
    if (!this.#isOpen) return
    this.line.out.pump()
    if (isBurst) while (this.line.out.queued < BURST_SHARE * this.#host.outboundBytes && this.#takeOne()) continue
    if (this.#waiting.length === 0 || this.line.out.queued >= this.#host.outboundBytes || this.#isSocketFull()) return
    // Whoever waits next has its turn when it is known what this one sends.
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) this.#host.flusher.mark(this)
  }

  /** Sends one frame of what the logs have for the receivers, all live ones in one as far as it reaches. */
  #sendLogs(): boolean {
    const chunks: { readonly sub: number; readonly chunk: SharedChunk }[] = []
    const most = Math.min(this.line.out.partBytes, this.#host.frameBytes) - BATCH_BYTES
    let bytes = 0
    let left = this.#wanted.size
    for (const receiver of this.#wanted) {
      if (left-- <= 0 || !this.#isOpen) break
      const shared = this.#readable(receiver)
      if (shared === null) continue
      const isMissed = receiver.phase === 'missed'
      if (isMissed && chunks.length > 0) continue
      const { offset } = receiver.place
      const chunk = isMissed ? shared.missed(offset, receiver.target) : shared.live(offset)
      if (chunks.length > 0 && bytes + chunk.bytes + BATCH_BYTES > most) break
      this.#wanted.delete(receiver)
      receiver.place = chunk.end
      if (isMissed && chunk.end.offset >= receiver.target) receiver.phase = 'live'
      // Whoever has more to read goes behind the others.
      if (chunk.end.offset < shared.log.head) this.#wanted.add(receiver)
      if (isMissed) return this.#sendMissed(receiver.sub, chunk)
      chunks.push({ sub: receiver.sub, chunk })
      bytes += chunk.bytes + BATCH_BYTES
    }
    return this.#sendLive(chunks)
  }

  /** Puts the next chunk of a receiver behind what waits for it. The text is shared by all who read the channel. */
  #takeOne(): boolean {
    for (const receiver of this.#wanted) {
      const shared = receiver.phase === 'missed' ? null : this.#readable(receiver, true)
      if (shared === null) continue
      const { sub, place } = receiver
      const chunk = shared.live(place.offset)
      receiver.place = chunk.end
      this.line.out.send(
        sub,
        frameOf(chunk, sub, () => HEAD + batch(sub, chunk) + TAIL),
      )
      return true
    }
    return false
  }

  /** What the receiver reads from, if it can go on now; with `isBurst`, behind what waits for it. */
  #readable(receiver: Receiver, isBurst: boolean = false): SharedChannel | null {
    const { shared, phase, sub, place } = receiver
    if (shared === undefined || (phase !== 'live' && phase !== 'missed')) {
      this.#wanted.delete(receiver)
      return null
    }
    // Its place is judged right before the read.
    if (!isBurst && this.line.out.isBusy(sub)) return null
    const lost = shared.log.judge(place)
    if (lost !== null) {
      this.#wanted.delete(receiver)
      this.#host.lost(receiver, lost)
      return null
    }
    if (phase === 'live' && place.offset === shared.log.head) {
      this.#wanted.delete(receiver)
      return null
    }
    return shared
  }

  #sendMissed(sub: number, chunk: SharedChunk): boolean {
    this.line.out.send(
      sub,
      frameOf(chunk, sub, () => `{"type":"missed_messages","sub":${sub},"messages":[${chunk.body}]}`),
    )
    return true
  }

  #sendLive(chunks: readonly { readonly sub: number; readonly chunk: SharedChunk }[]): boolean {
    const [first] = chunks
    if (first === undefined) return false
    if (chunks.length === 1)
      this.line.out.send(
        first.sub,
        frameOf(first.chunk, first.sub, () => HEAD + batch(first.sub, first.chunk) + TAIL),
      )
    else this.line.out.now({ text: HEAD + chunks.map(({ sub, chunk }) => batch(sub, chunk)).join(',') + TAIL })
    return true
  }

  #isSocketFull(): boolean {
    return this.#socket.isDraining() && this.#socket.bufferedBytes() >= this.#host.outboundBytes
  }
}

function batch(sub: number, chunk: SharedChunk): string {
  return `{"sub":${sub},"messages":[${chunk.body}]}`
}

function frameOf(chunk: SharedChunk, sub: number, make: () => string): Frame {
  let frame = chunk.frames.get(sub)
  if (frame === undefined) {
    const text = make()
    // The envelope is ASCII.
    frame = { text, bytes: chunk.bytes + text.length - chunk.body.length }
    chunk.frames.set(sub, frame)
  }
  return frame
}
