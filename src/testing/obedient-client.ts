import { randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'

/** What an {@link ObedientClient} has done and seen. */
export interface ObedientReport {
  /** How the connection ended, while it was meant to live. */
  readonly closed: string | null
  readonly sent: number
  readonly acknowledged: number
  /** Things done, by kind: each limit should have been met often. */
  readonly done: Readonly<Record<string, number>>
  /** The longest time in which nothing was heard. */
  readonly longestSilenceMs: number
}

type Message = Record<string, unknown>

/** A rate as PROTOCOL.md has it (P60): so much at once, refilled at so much a second. */
class Allowance {
  readonly #burst: number
  readonly #perMs: number
  #left: number
  #atMs = performance.now()

  constructor(burst: number, perSecond: number) {
    this.#burst = burst
    this.#perMs = perSecond / 1_000
    this.#left = burst
  }

  get left(): number {
    const nowMs = performance.now()
    this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#atMs) * this.#perMs)
    this.#atMs = nowMs
    return Math.floor(this.#left)
  }

  take(count: number): void {
    this.#left -= count
  }
}

/** No sender puts more into a frame; what is longer goes in parts. */
const LONGEST_FRAME = 16_384
/** The last part may not be a crumb: cut so, none is. */
const LONGEST_PART = 15_000

const id = (): string => randomBytes(16).toString('base64url')

/**
 * A client written from PROTOCOL.md alone: it shares nothing with Holdfast's own, knows no limit but those that are
 * announced, keeps all of them, and uses each as far as it goes, all at once.
 */
export class ObedientClient {
  readonly #socket: WebSocket
  readonly #client = id()
  readonly #done: Record<string, number> = {}
  #limits: Record<string, number> = {}
  #rates: Record<'frames' | 'messages' | 'subscriptions', Allowance> | undefined
  #pingMs = Infinity
  #next = 1
  #hi = 0
  #toldConfirmed = 0
  #ids: string[] = []
  #sub = 0
  #open: number[] = []
  #isAsking = false
  #turn = 0
  #heardAtMs = performance.now()
  #longestSilenceMs = 0
  #closed: string | null = null
  #isEnding = false
  readonly #parts = new Map<string, string>()
  #frames = 0
  #unreported = 0

  constructor(url: string) {
    this.#socket = new WebSocket(url, { perMessageDeflate: false })
    this.#socket.on('open', () =>
      this.#say({
        type: 'hello',
        protocol: 1,
        client: this.#client,
        sender: id(),
        features: ['parts'],
        confirmed: 0,
        user: null,
        session: null,
        credential: null,
        subscriptions: [],
      }),
    )
    this.#socket.on('message', (data: Buffer) => this.#receive(data.toString()))
    this.#socket.on('error', () => {})
    this.#socket.on('close', (code, reason) => {
      if (!this.#isEnding) this.#closed ??= `${code} ${reason.toString()}`
    })
  }

  /** Does as much as it may for so long; then waits until everything it has sent is acknowledged. */
  async run(forMs: number): Promise<ObedientReport> {
    const endMs = performance.now() + forMs
    const isOver = (): boolean => this.#closed !== null || (performance.now() >= endMs && this.#hi === this.#next - 1)
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        this.#noteSilence()
        if (performance.now() < endMs) while (this.#act()) this.#turn++
        else this.#confirm()
        if (!isOver()) return
        clearInterval(timer)
        resolve()
      }, 5)
    })
    this.#isEnding = true
    this.#socket.close()
    const { sent = 0 } = this.#done
    return { closed: this.#closed, sent, acknowledged: this.#hi, done: this.#done, longestSilenceMs: this.#longestSilenceMs }
  }

  /** One frame, of each kind in turn; false when nothing may be sent now. */
  #act(): boolean {
    if (this.#rates === undefined || this.#rates.frames.left < 1) return false
    const kinds = [
      () => this.#send(),
      () => this.#volatile(),
      () => this.#change(),
      () => this.#askValue(),
      () => this.#recall(),
      () => this.#ping(),
    ]
    return kinds.some((_, at) => kinds[(this.#turn + at) % kinds.length]?.())
  }

  #send(): boolean {
    const { sendWindow = 1, frameBytes = 0, messageBytes = 0 } = this.#limits
    const most = Math.min(sendWindow - (this.#next - 1 - this.#hi), this.#rates?.messages.left ?? 0)
    if (most < 1) return false
    // Every fourth frame holds as large a message as may be, the others as many small ones as fit.
    const isLarge = this.#turn % 4 === 0
    const data = 'x'.repeat(isLarge ? Math.min(messageBytes - 2, frameBytes - 1_024) : 40)
    const count = isLarge ? 1 : Math.min(most, Math.floor((Math.min(frameBytes, LONGEST_FRAME) - 1_024) / 160))
    const messages = Array.from({ length: count }, () => {
      const message = { n: this.#next++, id: id(), channel: `c${this.#next % 8}`, data }
      this.#ids.push(message.id)
      return message
    })
    this.#count('sent', count)
    this.#rates?.messages.take(count)
    this.#toldConfirmed = this.#hi
    return this.#frame({ type: 'send', confirmed: this.#hi, messages })
  }

  /** With nothing to send, what is confirmed is told in a `send` without messages (P62). */
  #confirm(): void {
    if (this.#hi === this.#toldConfirmed || (this.#rates?.frames.left ?? 0) < 1) return
    this.#toldConfirmed = this.#hi
    this.#frame({ type: 'send', confirmed: this.#hi, messages: [] })
  }

  #volatile(): boolean {
    const count = Math.min(10, this.#rates?.messages.left ?? 0)
    if (count < 1) return false
    this.#rates?.messages.take(count)
    this.#count('volatile', count)
    return this.#frame({ type: 'volatile', messages: Array.from({ length: count }, () => ({ id: id(), channel: 'c0', data: 1 })) })
  }

  /** Leaves every channel for as many others as there may be. */
  #change(): boolean {
    const { channels = 1, frameBytes = 0 } = this.#limits
    if (this.#open.length > 0 && (this.#rates?.subscriptions.left ?? 0) >= channels) {
      const subs = this.#open.splice(0)
      return this.#frame({ type: 'unsubscribe', subs })
    }
    const count = Math.min(channels - this.#open.length, this.#rates?.subscriptions.left ?? 0, Math.floor((frameBytes - 1_024) / 160))
    if (count < 1) return false
    const subscriptions = Array.from({ length: count }, () => ({
      sub: ++this.#sub,
      channel: `c${this.#sub % (2 * channels)}`,
      cursor: null,
    }))
    this.#open.push(...subscriptions.map(({ sub }) => sub))
    this.#rates?.subscriptions.take(count)
    this.#count('subscribed', count)
    return this.#frame({ type: 'subscribe', subscriptions })
  }

  #askValue(): boolean {
    const sub = this.#open[this.#turn % Math.max(1, this.#open.length)]
    if (sub === undefined || (this.#rates?.subscriptions.left ?? 0) < 1) return false
    this.#rates?.subscriptions.take(1)
    this.#count('values')
    return this.#frame({ type: 'snapshot_request', sub, from: 0 })
  }

  #recall(): boolean {
    const most = Math.min(1_000, Math.floor((this.#limits['frameBytes'] ?? 0) / 128))
    if (this.#isAsking || this.#ids.length === 0) return false
    this.#isAsking = true
    this.#count('recalls')
    return this.#frame({ type: 'recall', client: this.#client, ids: this.#ids.slice(-most) })
  }

  #ping(): boolean {
    this.#count('pings')
    return this.#frame({ type: 'ping' })
  }

  /** Parts and reports (P47 to P49). */
  #receive(frame: string): void {
    this.#noteSilence()
    this.#heardAtMs = performance.now()
    this.#frames++
    this.#unreported += frame.length
    if (this.#unreported >= 4_096 && this.#socket.readyState === WebSocket.OPEN) {
      this.#unreported = 0
      this.#socket.send(`=${this.#frames}`)
    }
    const [, kind, lane = '', text = ''] = /^([+.-])(\d+):?(.*)$/s.exec(frame) ?? []
    if (frame.startsWith('{')) this.#hear(JSON.parse(frame) as Message)
    else if (kind === '+') this.#parts.set(lane, (this.#parts.get(lane) ?? '') + text)
    else if (kind !== undefined) {
      const whole = (this.#parts.get(lane) ?? '') + text
      this.#parts.delete(lane)
      if (kind === '.') this.#hear(JSON.parse(whole) as Message)
    }
  }

  #hear(message: Message): void {
    if (message['type'] === 'session_init') {
      const { limits, heartbeat } = message as { limits: Record<string, number>; heartbeat: { pingMs: number } }
      this.#limits = limits
      this.#pingMs = heartbeat.pingMs
      const rate = (burst: string, perSecond: string): Allowance => new Allowance(limits[burst] ?? 0, limits[perSecond] ?? 0)
      this.#rates = {
        frames: rate('frameBurst', 'framesPerSecond'),
        messages: rate('messageBurst', 'messagesPerSecond'),
        subscriptions: rate('subscriptionBurst', 'subscriptionsPerSecond'),
      }
      // `hello` was a frame, too.
      this.#rates.frames.take(1)
    } else if (message['type'] === 'ack') {
      this.#hi = message['hi'] as number
      this.#ids = this.#ids.slice(-1_000)
      this.#count('replies', (message['outcomes'] as unknown[]).length)
      if (this.#hi === this.#next - 1) this.#confirm()
    } else if (message['type'] === 'recalled') {
      this.#isAsking = false
    } else if (['expected', 'conflict', 'unknown_client', 'refused', 'goodbye'].includes(message['type'] as string)) {
      this.#closed ??= JSON.stringify(message)
    }
  }

  #noteSilence(): void {
    if (this.#pingMs < Infinity) this.#longestSilenceMs = Math.max(this.#longestSilenceMs, performance.now() - this.#heardAtMs)
  }

  #frame(message: Message): true {
    this.#rates?.frames.take(1)
    this.#count('frames')
    this.#say(message)
    return true
  }

  #count(what: string, count: number = 1): void {
    this.#done[what] = (this.#done[what] ?? 0) + count
  }

  #say(message: Message): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const text = JSON.stringify(message)
    // Everything here is ASCII.
    for (let at = 0; text.length > LONGEST_FRAME && at < text.length; at += LONGEST_PART) {
      const end = at + LONGEST_PART
      this.#socket.send(`${end < text.length ? '+' : '.'}1:${text.slice(at, end)}`)
    }
    if (text.length <= LONGEST_FRAME) this.#socket.send(text)
  }
}
