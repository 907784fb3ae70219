import type { Flushable } from './flusher.ts'
import type { Reader, SharedChannel } from './shared-channel.ts'
import type { Turn } from './turns.ts'
import type { Cursor } from '../protocol/index.ts'

/** What a receiver is sent by. */
export interface ReceiverOutbound extends Flushable {
  /** The receiver may have something to read. */
  want(receiver: Receiver): void
}

/**
 * One subscription of one connection. It has no queue: it is a place in the channel's log, and whatever is after the
 * place is still to be sent. Replay and live are the same reading, from the same place.
 */
export class Receiver implements Reader {
  readonly sub: number
  readonly channel: string
  readonly #outbound: ReceiverOutbound
  /**
   * `opening`: waits for permission or a snapshot. `missed`: is sent what it missed, up to `target`. `live`: is sent
   * what is published. `ended`: unsubscribed, refused, or its connection is gone.
   */
  phase: 'opening' | 'missed' | 'live' | 'ended' = 'opening'
  /** The log it reads, from the moment it was let in. */
  shared: SharedChannel | undefined
  /** Up to here everything was sent. */
  place: Cursor = { epoch: '', offset: 0, id: '' }
  /** The head that was announced with the verdict. */
  target = 0
  /** Whether the app could not say, when it was asked last, that the right to read still holds. */
  isHeld = false
  /** The lowest head of a snapshot that was asked for and not answered yet. */
  requestedFrom: number | undefined
  /** Whether such a request is being answered. */
  isAnswering = false
  /** What it waits for. */
  #turns: Set<Turn> | undefined

  constructor(sub: number, channel: string, outbound: ReceiverOutbound) {
    this.sub = sub
    this.channel = channel
    this.#outbound = outbound
  }

  wake(): Flushable {
    this.#outbound.want(this)
    return this.#outbound
  }

  /** Waits for its turn, as long as it is not over. */
  async wait(turn: Turn): Promise<void> {
    this.#turns ??= new Set()
    this.#turns.add(turn)
    await turn.come
    this.#turns.delete(turn)
  }

  /** It is over. */
  end(): void {
    this.phase = 'ended'
    for (const turn of this.#turns ?? []) turn.giveUp()
  }

  /** Whether it is over; a method, since others may end it during any wait. */
  hasEnded(): boolean {
    return this.phase === 'ended'
  }
}
