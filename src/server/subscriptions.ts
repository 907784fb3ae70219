import type { LostPlace } from './channel-log.ts'
import type { Channels } from './channels.ts'
import { isPromise } from './deadline.ts'
import { userChannelKey, type Refusal } from './engine.ts'
import type { Outbound } from './outbound.ts'
import type { Turns } from './turns.ts'
import type { Party } from './party.ts'
import type { Places } from './places.ts'
import { Receiver } from './receiver.ts'
import type { Rights } from './rights.ts'
import type { SharedChannel } from './shared-channel.ts'
import type { Clock } from './ports.ts'
import type { Snapshots } from './snapshots.ts'
import { isUnsendable, UNSENDABLE } from './unsendable.ts'
import type { Cursor, NoValueReason, RefusedReason, ResetReason, SubscribeRequest } from '../protocol/index.ts'

/** Pause before a value that could not be had is tried again; doubled each time, up to {@link MAX_RETRY_MS}. */
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 30_000

/**
 * Subscriptions that wait for permission, in multiples of the channels a session may have: a channel may be given up
 * and asked for again meanwhile.
 */
const ENTERING = 8

/** What a client is told of a channel that cannot be made. */
const REFUSALS: { readonly [Why in Refusal]: string } = {
  'no-room': 'the server keeps too many channels',
  'no-history': 'the server has no history limits for this channel',
}

/** What the subscriptions of a connection need of it. */
export interface SubscriptionsHost {
  readonly clock: Clock
  readonly party: Party
  readonly outbound: Outbound
  readonly channels: Channels
  readonly snapshots: Snapshots
  readonly maxChannels: number
  /** Who may read what. */
  readonly rights: Pick<Rights, 'mayRead' | 'mayStillRead'>
  /** What its subscriptions take of the server's. */
  readonly places: Places
  /** How often values may be asked for: each has to let one through. */
  readonly turns: readonly Turns[]
  count(name: string): void
  /** Ends the connection when the work fails. */
  guard(work: Promise<void>): void
}

/** The channels one connection reads. */
export class Subscriptions {
  readonly #host: SubscriptionsHost
  readonly #bySub = new Map<number, Receiver>()
  readonly #byChannel = new Map<string, Receiver>()
  #lastSub = 0
  #entering = 0

  constructor(host: SubscriptionsHost) {
    this.#host = host
  }

  /** Begins subscriptions. False when a number was used before: that is no message of this protocol. */
  open(requests: readonly SubscribeRequest[]): boolean {
    for (const { sub, channel, cursor } of requests) {
      if (sub <= this.#lastSub) return false
      this.#lastSub = sub
      const before = this.#byChannel.get(channel)
      if (before !== undefined) this.#giveUp(before)
      if (this.#byChannel.size >= this.#host.maxChannels || this.#entering >= ENTERING * this.#host.maxChannels) {
        this.#refuse(sub, 'limit', 'too many channels at a time')
        continue
      }
      if (!this.#host.places.take()) {
        this.#refuse(sub, 'limit', 'the server has no room for another subscription')
        continue
      }
      const receiver = new Receiver(sub, channel, this.#host.outbound)
      this.#bySub.set(sub, receiver)
      this.#byChannel.set(channel, receiver)
      this.#entering++
      this.#host.guard(this.#enter(receiver, cursor).finally(() => this.#entering--))
    }
    return true
  }

  /** Ends subscriptions; unknown numbers are ignored. */
  close(subs: readonly number[]): void {
    for (const sub of subs) {
      const receiver = this.#bySub.get(sub)
      if (receiver !== undefined) this.#giveUp(receiver)
    }
  }

  /** The right to read a channel has ended. */
  endRight(channel: string): void {
    const receiver = this.#byChannel.get(channel)
    if (receiver !== undefined) this.#refuseReceiver(receiver, 'forbidden', 'not allowed any more')
  }

  /** The credential was renewed: the app is asked anew of every channel but the user's own. */
  renew(): void {
    for (const receiver of this.#bySub.values()) if (!receiver.channel.startsWith('@')) this.#host.guard(this.#askAgain(receiver))
  }

  /** Asks for a value at `from` or later; an unknown number is ignored. */
  request(sub: number, from: number): void {
    const receiver = this.#bySub.get(sub)
    if (receiver === undefined) return
    this.#host.count('snapshotRequests')
    receiver.requestedFrom = Math.max(receiver.requestedFrom ?? 0, from)
    this.#host.guard(this.#answer(receiver))
  }

  /** A receiver's place is not in the log any more: it is told, and gets a fresh start. */
  lost(receiver: Receiver, lost: LostPlace): void {
    const { shared } = receiver
    if (shared === undefined || receiver.hasEnded()) return
    receiver.phase = 'opening'
    this.#reset(receiver, lost)
    this.#host.guard(this.#restart(receiver, shared))
  }

  /** The connection is gone. */
  endAll(): void {
    for (const receiver of this.#bySub.values()) this.#end(receiver)
    this.#host.places.end()
  }

  async #enter(receiver: Receiver, cursor: Cursor | null): Promise<void> {
    const { party, rights, channels } = this.#host
    const { user } = party
    const { channel } = receiver
    const isOwn = channel === '@user' && user !== null
    const allowed = isOwn || (!channel.startsWith('@') && rights.mayRead(party, channel))
    const isAllowed = isPromise(allowed) ? await allowed : allowed
    if (receiver.hasEnded()) return
    if (!isAllowed) return this.#refuseReceiver(receiver, 'forbidden', 'not allowed')
    const opening = channels.open(isOwn ? userChannelKey(user) : channel)
    const shared = isPromise(opening) ? await opening : opening
    if (typeof shared === 'string') return this.#refuseReceiver(receiver, 'limit', REFUSALS[shared])
    if (receiver.hasEnded()) return channels.leave(shared, receiver)
    receiver.shared = shared
    shared.readers.add(receiver)
    if (cursor === null) return this.#restart(receiver, shared)
    const lost = shared.log.judge(cursor)
    if (lost !== null) return this.lost(receiver, lost)
    this.#recover(receiver, shared, cursor)
    await this.#answer(receiver)
  }

  /** Where the app fails, the right holds until it is asked again; that is to be the last time. */
  async #askAgain(receiver: Receiver): Promise<void> {
    const { party, rights } = this.#host
    const wasHeld = receiver.isHeld
    let hasFailed = false
    const isAllowed = await rights.mayStillRead(party, receiver.channel, () => {
      hasFailed = true
      return !wasHeld
    })
    receiver.isHeld = hasFailed
    if (!isAllowed) this.#refuseReceiver(receiver, 'forbidden', 'not allowed any more')
  }

  #recover(receiver: Receiver, shared: SharedChannel, cursor: Cursor): void {
    const head = shared.log.headCursor()
    const missed = head.offset - cursor.offset
    this.#host.outbound.send({ type: 'subscribed', sub: receiver.sub, head, verdict: 'recovered', missed }, receiver.sub)
    this.#host.count('recovered')
    receiver.target = head.offset
    this.#goOn(receiver, cursor, missed > 0 ? 'missed' : 'live')
  }

  /** A snapshot and the log after it; where there are no snapshots, the log from the head. */
  async #restart(receiver: Receiver, shared: SharedChannel): Promise<void> {
    const { outbound, snapshots } = this.#host
    const { sub } = receiver
    const result = snapshots.isSupported ? await this.#value(receiver, shared, 0) : { head: shared.log.headCursor(), value: undefined }
    if (receiver.hasEnded()) return
    if (isUnsendable(result)) return this.#refuseReceiver(receiver, result, UNSENDABLE[result])
    if (typeof result === 'string') {
      this.#reset(receiver, { reason: result })
      return this.#end(receiver)
    }
    const { head, value } = result
    if (value === undefined) outbound.send({ type: 'subscribed', sub, head, verdict: 'start', follows: true }, sub)
    else outbound.sendText(snapshotText(sub, head, value, true), sub)
    this.#goOn(receiver, head, 'live')
    await this.#answer(receiver)
  }

  /**
   * Answers `snapshot_request`s until none is open. A receiver that is opening is answered when it is open; a value
   * that cannot be had is tried again.
   */
  async #answer(receiver: Receiver): Promise<void> {
    const { outbound, snapshots } = this.#host
    if (receiver.isAnswering) return
    receiver.isAnswering = true
    let retryMs = FIRST_RETRY_MS
    while (receiver.requestedFrom !== undefined && receiver.shared !== undefined && receiver.phase !== 'opening') {
      const { shared, sub, requestedFrom: from } = receiver
      if (from > shared.log.head) {
        receiver.requestedFrom = undefined
        this.lost(receiver, { reason: 'diverged' })
        break
      }
      const result = snapshots.isSupported ? await this.#value(receiver, shared, from) : { head: shared.log.headCursor(), value: undefined }
      if (receiver.hasEnded()) break
      if (isUnsendable(result)) {
        receiver.requestedFrom = undefined
        outbound.send({ type: 'no_value', sub, reason: result, message: UNSENDABLE[result] })
        break
      }
      if (typeof result === 'string') {
        // Those who read the channel go on undisturbed: only a newcomer waits.
        this.#host.count(`snapshotRetries.${result}`)
        if (retryMs === FIRST_RETRY_MS) outbound.send({ type: 'no_value', sub, reason: result, message: 'tried again' })
        await new Promise<void>((resolve) => void this.#host.clock.setTimer(retryMs, resolve))
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)
        continue
      }
      if (receiver.requestedFrom > from) continue
      receiver.requestedFrom = undefined
      // There is no value to give: the receiver's own place is said instead, where its log goes on in any case.
      if (result.value === undefined)
        outbound.send({ type: 'subscribed', sub, head: receiver.place, verdict: 'start', follows: false }, sub)
      else outbound.sendText(snapshotText(sub, result.head, result.value, false), sub)
    }
    receiver.isAnswering = false
  }

  /** The hook's value with a head that is still a good place; two tries. Otherwise why there is none. */
  async #value(
    receiver: Receiver,
    shared: SharedChannel,
    from: number,
  ): Promise<{ head: Cursor; value: string | undefined } | NoValueReason> {
    for (let tries = 0; tries < 2; tries++) {
      for (const turns of this.#host.turns) {
        const turn = turns.turn()
        if (turn !== undefined) await receiver.wait(turn)
        if (receiver.hasEnded()) return { head: shared.log.headCursor(), value: undefined }
      }
      const flight = this.#host.snapshots.fly(shared, receiver.channel, this.#host.party, from)
      const value = await flight.value
      if ('why' in value) return value.why
      // The value is not queued for a socket that is behind: it waits, and is checked when its turn comes.
      const text = value.text
      await this.#host.outbound.ready(text?.length ?? 0)
      if (receiver.hasEnded() || shared.log.judge(flight.head) === null) return { head: flight.head, value: text }
    }
    return 'too-slow'
  }

  #goOn(receiver: Receiver, place: Cursor, phase: 'missed' | 'live'): void {
    const { outbound, channels } = this.#host
    receiver.place = place
    receiver.phase = phase
    outbound.want(receiver)
    channels.wake(outbound)
  }

  #reset(receiver: Receiver, lost: { readonly reason: ResetReason; readonly from?: number; readonly to?: number }): void {
    this.#host.outbound.send({ type: 'reset', sub: receiver.sub, ...lost }, receiver.sub)
    this.#host.count(`resets.${lost.reason}`)
  }

  #refuseReceiver(receiver: Receiver, reason: RefusedReason, message: string): void {
    if (receiver.hasEnded()) return
    this.#giveUp(receiver)
    this.#refuse(receiver.sub, reason, message)
  }

  #refuse(sub: number, reason: RefusedReason, message: string): void {
    this.#host.outbound.send({ type: 'refused', sub, reason, message }, sub)
    this.#host.count(`refused.subscription.${reason}`)
  }

  /** The client does not want it any more, or may not have it: what is on its way to it does not arrive. */
  #giveUp(receiver: Receiver): void {
    this.#host.outbound.drop(receiver.sub)
    this.#end(receiver)
  }

  #end(receiver: Receiver): void {
    receiver.end()
    if (this.#bySub.delete(receiver.sub)) this.#host.places.give()
    if (this.#byChannel.get(receiver.channel) === receiver) this.#byChannel.delete(receiver.channel)
    if (receiver.shared !== undefined) this.#host.channels.leave(receiver.shared, receiver)
    receiver.shared = undefined
  }
}

function snapshotText(sub: number, head: Cursor, value: string, follows: boolean): string {
  return `{"type":"subscribed","sub":${sub},"head":${JSON.stringify(head)},"verdict":"snapshot","value":${value},"follows":${follows}}`
}
