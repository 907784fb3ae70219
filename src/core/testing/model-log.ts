import { decodeClientMessage } from '../../protocol/client-codec.ts'
import type { Cursor, Id, PublishedMessage, ServerMessage, SubscribeRequest } from '../../protocol/messages.ts'
import { id, welcome } from './frames.ts'

interface Receiver {
  readonly sub: number
  place: Cursor
  target: number
  phase: 'opening' | 'missed' | 'live' | 'ended'
}

interface Peer {
  send(message: ServerMessage): void
  close(code: number): void
}

/** Replays in chunks this small, so that much happens between them. */
const CHUNK = 2
const KEPT = 6

/** The downward half of a server in its simplest form, with one channel: P23–P28. Chunks and values come when `schedule` says so. */
export class ModelLog {
  epoch: Id = id('epoch0')
  /** Every message that ever stood at a place. */
  readonly history: Set<string> = new Set()
  /** Whether there are values at all. */
  readonly hasValues: boolean
  failing = 0
  hasGoneBack = false
  #messages: PublishedMessage[] = []
  #before: Id | '' = ''
  #head = 0
  #made = 0
  #receivers = new Map<Receiver, Peer>()
  readonly #schedule: (label: string) => Promise<void>

  constructor(schedule: (label: string) => Promise<void>, hasValues: boolean) {
    this.#schedule = schedule
    this.hasValues = hasValues
  }

  get head(): Cursor {
    return { epoch: this.epoch, offset: this.#head, id: this.#messages.at(-1)?.id ?? this.#before }
  }

  connect(peer: Peer): { hear(text: string): void } {
    let own: Receiver[] = []
    const open = (requests: readonly SubscribeRequest[]): void => {
      for (const request of requests) {
        for (const receiver of own) this.#end(receiver)
        const receiver: Receiver = { sub: request.sub, place: this.head, target: 0, phase: 'opening' }
        own = [receiver]
        this.#receivers.set(receiver, peer)
        this.#enter(receiver, peer, request.cursor)
      }
    }
    return {
      hear: (text) => {
        const decoded = decodeClientMessage(text)
        if (!decoded.ok) throw new Error(`the client made a bad message: ${decoded.error}`)
        const { message } = decoded
        if (message.type === 'ping') peer.send({ type: 'pong' })
        if (message.type === 'hello') peer.send(welcome({ user: message.user }))
        if (message.type === 'hello' || message.type === 'subscribe') open(message.subscriptions)
        if (message.type === 'unsubscribe') for (const receiver of own) if (message.subs.includes(receiver.sub)) this.#end(receiver)
        if (message.type === 'snapshot_request')
          for (const receiver of own) if (receiver.sub === message.sub) void this.#answer(receiver, peer, message.from)
      },
    }
  }

  publish(count: number): void {
    for (let n = 0; n < count; n++) {
      const message = { offset: ++this.#head, id: id(`p${++this.#made}`), data: this.#made }
      this.#messages.push(message)
      this.history.add(`${this.epoch} ${message.offset} ${message.id}`)
    }
    this.trim(KEPT)
    this.#flush()
  }

  /** Only the newest messages are kept. */
  trim(kept: number): void {
    for (const message of this.#messages.splice(0, Math.max(0, this.#messages.length - kept))) this.#before = message.id
  }

  /** The log was lost. */
  beginAnew(): void {
    this.epoch = id(`epoch${++this.#made}`)
    this.#head = 0
    this.#before = ''
    this.#messages = []
    this.#flush()
  }

  /** The log goes back and nobody notices: only the ids tell. */
  goBack(count: number): void {
    const gone = Math.min(count, this.#messages.length)
    this.#messages.splice(this.#messages.length - gone)
    this.#head -= gone
    this.hasGoneBack = true
  }

  /** A receiver is not sent one message: a fault of the server. */
  skipOne(): void {
    this.#head++
    this.#messages.push({ offset: this.#head, id: id(`p${++this.#made}`), data: 0 })
    this.history.add(`${this.epoch} ${this.#head} ${this.head.id}`)
    for (const receiver of this.#receivers.keys())
      if (receiver.phase === 'live' && receiver.place.offset === this.#head - 1) receiver.place = this.head
    this.publish(1)
  }

  /** The sockets are gone. */
  cut(): void {
    for (const receiver of this.#receivers.keys()) this.#end(receiver)
  }

  #enter(receiver: Receiver, peer: Peer, cursor: Cursor | null): void {
    if (cursor === null) return void this.#value(receiver, peer)
    const lost = this.#judge(cursor)
    if (lost) return this.#lose(receiver, peer, lost)
    const missed = this.#head - cursor.offset
    peer.send({ type: 'subscribed', sub: receiver.sub, head: this.head, verdict: 'recovered', missed })
    Object.assign(receiver, { place: cursor, target: this.#head, phase: missed > 0 ? 'missed' : 'live' })
    this.#flush()
  }

  async #value(receiver: Receiver, peer: Peer): Promise<void> {
    const { head } = this
    receiver.phase = 'opening'
    await this.#schedule('value')
    if (receiver.phase !== 'opening') return
    if (this.failing > 0 || this.#judge(head)) {
      const reason = this.failing > 0 ? 'hook-failed' : 'too-slow'
      this.failing--
      peer.send({ type: 'reset', sub: receiver.sub, reason })
      return this.#end(receiver)
    }
    if (this.hasValues) peer.send({ type: 'subscribed', sub: receiver.sub, head, verdict: 'snapshot', value: head, follows: true })
    else peer.send({ type: 'subscribed', sub: receiver.sub, head, verdict: 'start', follows: true })
    Object.assign(receiver, { place: head, phase: 'live' })
    this.#flush()
  }

  async #answer(receiver: Receiver, peer: Peer, from: number): Promise<void> {
    if (receiver.phase === 'opening' || receiver.phase === 'ended') return
    if (from > this.#head) return this.#lose(receiver, peer, { reason: 'diverged' })
    const { head } = this
    await this.#schedule('asked value')
    if ((receiver.phase as string) === 'opening' || this.#isOver(receiver) || this.#judge(head)) return
    if (this.hasValues) peer.send({ type: 'subscribed', sub: receiver.sub, head, verdict: 'snapshot', value: head, follows: false })
    else peer.send({ type: 'subscribed', sub: receiver.sub, head: receiver.place, verdict: 'start', follows: false })
  }

  #isOver(receiver: Receiver): boolean {
    return receiver.phase === 'ended'
  }

  #lose(receiver: Receiver, peer: Peer, lost: { reason: 'trimmed' | 'epoch' | 'diverged'; from?: number; to?: number }): void {
    peer.send({ type: 'reset', sub: receiver.sub, ...lost })
    void this.#value(receiver, peer)
  }

  #judge({ epoch, offset, id: at }: Cursor): { reason: 'trimmed' | 'epoch' | 'diverged'; from?: number; to?: number } | null {
    if (epoch !== this.epoch) return { reason: 'epoch' }
    const lo = this.#head - this.#messages.length + 1
    if (offset > this.#head) return { reason: 'diverged' }
    if (offset < lo - 1) return { reason: 'trimmed', from: offset + 1, to: lo - 1 }
    const known = offset === lo - 1 ? this.#before : this.#messages[offset - lo]?.id
    return known === at ? null : { reason: 'diverged' }
  }

  #flush(): void {
    for (const [receiver, peer] of this.#receivers) {
      if (receiver.phase === 'live') this.#read(receiver, peer)
      else if (receiver.phase === 'missed')
        void this.#schedule('chunk').then(() => {
          if (receiver.phase === 'missed') this.#read(receiver, peer)
        })
    }
  }

  #read(receiver: Receiver, peer: Peer): void {
    const { place, target, sub, phase } = receiver
    const lost = this.#judge(place)
    if (lost) return this.#lose(receiver, peer, lost)
    const after = this.#messages.filter(({ offset }) => offset > place.offset)
    const messages = phase === 'missed' ? after.filter(({ offset }) => offset <= target).slice(0, CHUNK) : after
    const last = messages.at(-1)
    if (!last) return
    receiver.place = { epoch: this.epoch, offset: last.offset, id: last.id }
    if (phase === 'missed') {
      peer.send({ type: 'missed_messages', sub, messages })
      if (last.offset >= target) receiver.phase = 'live'
      this.#flush()
    } else peer.send({ type: 'messages', batches: [{ sub, messages }] })
  }

  #end(receiver: Receiver): void {
    receiver.phase = 'ended'
    this.#receivers.delete(receiver)
  }
}
