import type { Ending } from '../../src/server/engine.ts'
import type { ClientMessage, ServerMessage } from '../../src/protocol/index.ts'
import type { Process } from '../world/process.ts'
import type { Wire } from '../world/wire.ts'
import type { World } from '../world/world.ts'
import type { Place } from './stream.ts'

/** What one connection has shown of itself. */
interface Seen {
  /** Whether its `hello` was answered. */
  isAnswered: boolean
  client: string
  user: string | null
  session: string | null
  connection: number
  /** That of the server which answered. */
  ledger: string
  /** The session that hello named, or the token of one that only sends. */
  readonly named: string | null
  readonly outboxToken: string | undefined
  readonly channels: Map<number, { readonly channel: string; readonly askedMs: number }>
  /** Subscriptions that have their verdict, and were not reset since. */
  readonly begun: Set<number>
  /** Offset of the last message of each subscription. */
  readonly offsets: Map<number, number>
}

/** What the engine was seen to remember of a session. */
interface Remembered {
  readonly ledger: string
  readonly user: string | null
  readonly seenMs: number
}

type Listened = Extract<
  ServerMessage,
  { type: 'session_init' | 'session_restored' | 'subscribed' | 'reset' | 'ack' | 'messages' | 'missed_messages' }
>

/** Listens on every wire, and holds what both sides say to the rules. */
export class WireTap {
  readonly #world: World
  readonly #seen = new Map<number, Seen>()
  /** Highest connection number that was accepted, by session. */
  readonly #newest = new Map<string, number>()
  readonly #sessions = new Map<string, Remembered>()
  /** Whether a hub is the one that may send. */
  readonly hubs: Map<Process, () => boolean> = new Map()
  /** Where replays of a channel end, the newest last, by browser, user and channel. */
  readonly announced: Map<string, (Place & { readonly atMs: number })[]> = new Map()
  /** Where a channel was begun that has no values, by browser, user and channel. */
  readonly started: Map<string, Place> = new Map()

  constructor(world: World) {
    this.#world = world
  }

  clientSays(wire: Wire, text: string): void {
    const { check } = this.#world
    check.holds(this.hubs.get(wire.hub)?.() === true, 'I4', () => `${wire.hub.name} sends without the owner lock`)
    // It is the server's to forget the session now, and nobody's to say when it does.
    if (text.startsWith('{"type":"sign_out"')) this.#sessions.delete(this.#seen.get(wire.id)?.session ?? '')
    if (!/^\{"type":"(hello|subscribe)"/.test(text)) return
    const message = JSON.parse(text) as ClientMessage
    if (message.type === 'hello') {
      const { client, user, session: named, outboxToken } = message
      this.#world.trace('hello', wire.id, client, message.confirmed)
      check.upward.met.greeted(wire.link.name, user, client)
      this.#seen.set(wire.id, {
        isAnswered: false,
        client,
        user,
        session: null,
        connection: 0,
        ledger: '',
        named: named?.id ?? null,
        outboxToken,
        channels: new Map(),
        begun: new Set(),
        offsets: new Map(),
      })
    }
    if (message.type !== 'hello' && message.type !== 'subscribe') return
    const channels = this.#seen.get(wire.id)?.channels
    for (const { sub, channel } of message.subscriptions) channels?.set(sub, { channel, askedMs: this.#world.schedule.nowMs })
  }

  /** The hub has it: an answer to hello tells it whether its storage is an older copy. */
  clientHears(wire: Wire, text: string): void {
    const seen = this.#seen.get(wire.id)
    if (!seen || !text.startsWith('{"type":"session_')) return
    this.#world.check.tries.answered(wire.hub)
    this.#world.check.upward.compared(wire.link.name, seen.user)
  }

  /** The server closes a connection for a newer one of its session: one that only sends is none. */
  replaced(wire: Wire): void {
    const { session, connection, ledger } = this.#seen.get(wire.id) ?? { session: null, connection: 0, ledger: '' }
    // It may come late, from a server that has lost everything since.
    if (session !== null && ledger !== this.#world.server.engine.ledger) return
    const fence = session === null ? Infinity : (this.#world.server.engine.fences.get(session) ?? 0)
    this.#world.check.holds(fence > connection, 'I13', () => `wire ${wire.id} is closed as replaced, and is the newest of its session`)
  }

  /** The server has ended the session of a connection. */
  signedOut(wire: Wire): void {
    const seen = this.#seen.get(wire.id)
    if (seen) this.#world.check.signOuts.ended(seen.session, seen.client, seen.user)
  }

  /** The server was told what has ended. */
  ended(ending: Ending): void {
    const { check, server } = this.#world
    const answered = [...this.#seen].flatMap(([wire, { isAnswered, user, session, channels, begun }]) => {
      const reads = (name: string): number[] => [...begun].filter((sub) => channels.get(sub)?.channel === name)
      return isAnswered ? [{ wire, user, session, reads }] : []
    })
    check.rights.ended(ending, server.engine.ledger, server.engine.revocations, answered)
  }

  serverSays(wire: Wire, text: string): void {
    const { check } = this.#world
    // It may come before the hub has said hello.
    if (text.startsWith('{"type":"goodbye"')) check.tries.mayHurry(wire.hub)
    const seen = this.#seen.get(wire.id)
    if (!seen) return
    seen.isAnswered ||= /^\{"type":"(session_|send_only)/.test(text)
    check.rights.says(wire.id, text)
    if (text.startsWith('{"type":"goodbye"')) check.farewells.said(seen.client)
    if (seen.session !== null)
      check.holds(this.#newest.get(seen.session) === seen.connection, 'I21', () => `wire ${wire.id} hears after a newer one was accepted`)
    if (seen.outboxToken !== undefined && /^\{"type":"(send_only|ack)/.test(text))
      check.sendOnly.isTold({ ...seen, outboxToken: seen.outboxToken }, text)
    if (!/^\{"type":"(session_|subscribed|reset|ack|messages|missed_)/.test(text)) return
    const message = JSON.parse(text) as Listened
    if (message.type === 'ack') return this.#ack(seen, message)
    if (message.type === 'reset') return void seen.begun.delete(message.sub)
    if (message.type === 'subscribed') return this.#subscribed(wire, seen, message)
    if (message.type === 'messages') return message.batches.forEach((batch) => this.#messages(wire, seen, batch))
    if (message.type === 'missed_messages') return this.#messages(wire, seen, message)
    const newest = this.#newest.get(message.session.id) ?? 0
    check.holds(message.connection > newest, 'I21', () => `connection ${message.connection} of a session after ${newest}`)
    this.#holdsResume(seen, message)
    seen.session = message.session.id
    seen.connection = message.connection
    seen.ledger = message.ledger
    this.#newest.set(message.session.id, message.connection)
    check.holds(message.user === seen.user, 'I27', () => `${seen.user} was answered as ${message.user}`)
    check.sessionOf(message.session.id, message.user)
    check.upward.met.answered(wire.link.name, message.user, message.ledger)
    this.#world.trace('welcome', wire.id, message.type, message.connection, message.client?.hi)
    this.#world.totals.count(message.type)
  }

  /** A session that the engine must still know is resumed, however often. */
  #holdsResume({ named, user }: Seen, { type, session, ledger }: Extract<Listened, { type: 'session_init' | 'session_restored' }>): void {
    const { check, schedule, settings } = this.#world
    const { nowMs } = schedule
    const before = named === null ? undefined : this.#sessions.get(named)
    const livesMs = settings.server.sessions?.ttlMs ?? 0
    const isKnown = before?.ledger === ledger && before.user === user && nowMs - before.seenMs < livesMs
    const isOver = type === 'session_restored' && check.signOuts.hasEnded(named)
    check.holds(!isOver, 'I27', () => `${named} of ${user} was resumed after ${user} had signed out`)
    check.holds(!isKnown || type === 'session_restored', 'I22', () => `${named} of ${user} was not resumed`)
    this.#sessions.set(session.id, { ledger, user, seenMs: nowMs })
  }

  /** Between replay and live there is neither hole nor overlap. */
  #messages(
    wire: Wire,
    { offsets, channels }: Seen,
    { sub, messages }: { readonly sub: number; readonly messages: readonly { readonly offset: number }[] },
  ): void {
    this.#world.check.rights.saysOf(wire.id, sub)
    for (const { offset } of messages) {
      const last = offsets.get(sub)
      const what = (): string => `wire ${wire.id}, ${channels.get(sub)?.channel}: ${offset} after ${last}`
      this.#world.check.holds(last === undefined || offset === last + 1, 'I18', what)
      offsets.set(sub, offset)
    }
  }

  #ack({ client }: Seen, { hi, stable, id }: Extract<Listened, { type: 'ack' }>): void {
    const { check, server } = this.#world
    const record = server.engine.recordOf(client)
    check.holds(hi <= (record?.hi ?? 0) && stable <= hi, 'I10', () => `ack ${hi}/${stable} of ${record?.hi}`)
    const known = record?.idAt(stable)
    check.holds(known === undefined || known === id, 'I10', () => `ack of ${id} at ${stable}, which is ${known}`)
  }

  #subscribed(wire: Wire, { user, channels, begun, offsets }: Seen, message: Extract<Listened, { type: 'subscribed' }>): void {
    const { check, people, totals, schedule } = this.#world
    const asked = channels.get(message.sub)
    if (!asked) return
    const { channel, askedMs } = asked
    check.rights.saysOf(wire.id, message.sub)
    const isAllowed = channel.startsWith('@') || people.wasAllowed(user, channel, askedMs, schedule.nowMs)
    check.holds(isAllowed, 'I28', () => `${channel} was opened for ${user}`)
    totals.count(`verdicts: ${message.verdict}`)
    const { epoch, offset } = message.head
    // The answer to a question for a value, which leaves the subscription as it is: where there is none, it is told by
    // `start` once more.
    const isAnswer = message.verdict === 'snapshot' ? !message.follows : message.verdict === 'start' && begun.has(message.sub)
    begun.add(message.sub)
    // After a reset the subscription goes on from another place.
    const beginsAnew = message.verdict !== 'recovered' && !isAnswer
    if (beginsAnew) offsets.delete(message.sub)
    this.#world.trace('subscribed', wire.id, channel, message.verdict, offset)
    const key = `${wire.link.name} ${user} ${channel}`
    if (message.verdict === 'start') this.started.set(key, { epoch, offset })
    if (message.verdict === 'recovered')
      this.announced.set(key, [...(this.announced.get(key) ?? []), { epoch, offset, atMs: schedule.nowMs }])
    // A value that was asked for in between takes nothing back: who had no time is told of the recovery before it all
    // the same.
    else if (beginsAnew) this.announced.delete(key)
  }
}
