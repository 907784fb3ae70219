import type { LiveCore } from '../live-core.ts'
import type { Frame } from '../ports.ts'
import { FakePeer } from './fake-peer.ts'
import type { CloseName, Cursor, Hello, Id, PublishedMessage, ServerMessage } from '../../protocol/index.ts'

/** What a peer must know of the world to judge what it is sent. */
export interface RaceJudge {
  readonly ids: readonly Id[]
  /** Highest committed number. */
  hi(): number
  /** Whether a newer connection of this session was answered. */
  isReplaced(peer: RacePeer): boolean
  answered(peer: RacePeer): void
  /** A server said that it does not know these. */
  unlisted(ids: readonly Id[]): void
  /** The server said that its engine failed. */
  closedAsFailed(): void
  wrong(what: string): void
}

/** A peer that holds every frame it gets to the protocol. */
export class RacePeer extends FakePeer {
  readonly session: Id | null
  isOpen = true
  /** It has a session of its own. */
  isAside = false
  connection = 0
  place: Cursor | null = null
  sub = 0
  subscribed = false
  readonly #judge: RaceJudge
  #hi = 0
  #isServerGone = false
  #asked: readonly Id[] | null = null
  #missedThrough = 0
  #isLive = false
  #from = 0

  constructor(core: LiveCore, judge: RaceJudge, hello: Pick<Hello, 'client' | 'session' | 'confirmed'>, cursor: Cursor | null) {
    super(core)
    this.#judge = judge
    this.session = hello.session?.id ?? null
    this.place = cursor
    this.sub = 1
    this.hello({ ...hello, subscriptions: [{ sub: 1, channel: 'a', cursor }] })
  }

  /** A message that was said after the question may be applied after the answer. */
  unask(said: Id): void {
    this.#asked = this.#asked?.filter((id) => id !== said) ?? null
  }

  override close(name: CloseName): void {
    super.close(name)
    // Before the answer it means that opening took too long.
    if (name === 'internal' && this.connection > 0) this.#judge.closedAsFailed()
  }

  /** The server is gone: what it would still say is never sent. */
  end(): void {
    this.isOpen = false
    this.#isServerGone = true
  }

  override send(frame: Frame): void {
    if (this.#isServerGone) return
    super.send(frame)
  }

  protected override heard(message: ServerMessage): void {
    if (!this.isOpen) this.#judge.wrong(`[I21] ${message.type} comes after the end`)
    if (this.#judge.isReplaced(this)) this.#judge.wrong(`[I21] ${message.type} comes to connection ${this.connection}, which was replaced`)
    this.#hear(message)
  }

  /** Subscribes again, from the own place or as a newcomer. */
  resubscribe(isNew: boolean): void {
    if (isNew) this.place = null
    this.subscribed = false
    this.#isLive = false
    this.say({ type: 'subscribe', subscriptions: [{ sub: ++this.sub, channel: 'a', cursor: this.place }] })
  }

  request(): void {
    this.#from = this.place?.offset ?? 0
    this.say({ type: 'snapshot_request', sub: this.sub, from: this.#from })
  }

  /** Asks, one question at a time. */
  recall(ids: readonly Id[], client: Id): void {
    if (this.#asked) return
    this.#asked = ids
    this.say({ type: 'recall', client, ids })
  }

  #hear(message: ServerMessage): void {
    const { ids } = this.#judge
    const wrong = (what: string): void => this.#judge.wrong(what)
    switch (message.type) {
      case 'session_init':
      case 'session_restored':
        this.connection = message.connection
        this.#hi = message.client?.hi ?? 0
        if (this.#hi > this.#judge.hi()) wrong(`[I10] hello is answered with ${this.#hi}`)
        if (message.client && message.client.id !== ids[this.#hi - 1]) wrong('[I23] another id at hi')
        return this.#judge.answered(this)
      case 'ack':
        if (message.hi > this.#judge.hi() || message.stable > message.hi)
          wrong(`[I10] ${message.hi} is acknowledged, ${this.#judge.hi()} is committed`)
        if (message.hi < this.#hi) wrong(`[P15] hi falls from ${this.#hi} to ${message.hi}`)
        if (message.id !== ids[message.stable - 1]) wrong('[P15] another id at stable')
        if (message.outcomes.some(({ n }) => n > message.hi)) wrong('[P10] an outcome precedes its commit')
        this.#hi = message.hi
        return
      case 'expected':
        if (message.n > this.#judge.hi() + 1) wrong(`[P11] expects ${message.n}, committed is ${this.#judge.hi()}`)
        return
      case 'recalled': {
        const listed = message.fates.map(({ id }) => id)
        const committed = ids.slice(0, this.#judge.hi())
        for (const id of this.#asked ?? []) if (listed.includes(id) !== committed.includes(id)) wrong(`[P19] ${id} is told wrongly`)
        this.#judge.unlisted((this.#asked ?? []).filter((id) => !listed.includes(id)))
        this.#asked = null
        return
      }
      case 'subscribed':
        if (message.sub === this.sub) this.#subscribed(message)
        return
      case 'missed_messages':
        if (message.sub !== this.sub) return
        if (this.#isLive) wrong('[P25] a missed message comes after a live one')
        return this.#advance(message.messages)
      case 'messages':
        for (const batch of message.batches)
          if (batch.sub === this.sub) {
            if ((this.place?.offset ?? 0) < this.#missedThrough) wrong('[P25] a live message comes before a missed one')
            this.#isLive = true
            this.#advance(batch.messages)
          }
        return
      case 'reset':
        if (message.sub !== this.sub) return
        this.place = null
        this.subscribed = message.reason !== 'hook-failed' && message.reason !== 'too-slow' && this.subscribed
        this.#isLive = false
        this.#missedThrough = 0
    }
  }

  #subscribed(message: Extract<ServerMessage, { type: 'subscribed' }>): void {
    const wrong = (what: string): void => this.#judge.wrong(what)
    const { head } = message
    if (message.verdict === 'recovered') {
      if (this.place?.epoch !== head.epoch || head.offset - this.place.offset !== message.missed) wrong('[P23] a wrong verdict')
      this.#missedThrough = head.offset
      this.subscribed = true
      return
    }
    if (message.verdict === 'snapshot') {
      if ((message.value as number) < head.offset) wrong('[P27] the value is older than its place')
      if (!message.follows) {
        if (head.offset < this.#from) wrong('[P28] the value is older than was asked for')
        return
      }
    }
    if (message.verdict === 'start' && this.place) return
    if (this.place) wrong('[I15] a new beginning without a reset')
    this.place = head
    this.#missedThrough = 0
    this.subscribed = true
  }

  #advance(messages: readonly PublishedMessage[]): void {
    for (const { offset, id } of messages) {
      if (!this.place || offset !== this.place.offset + 1) this.#judge.wrong(`[I15] [I18] ${offset} comes after ${this.place?.offset}`)
      this.place = { epoch: this.place?.epoch ?? '', offset, id }
    }
  }
}
