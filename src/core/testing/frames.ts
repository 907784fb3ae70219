import { DEFAULT_HEARTBEAT, DEFAULT_LIMITS } from '../../protocol/limits.ts'
import type { Cursor, PublishedMessage, SendOnly, SessionInit, SessionRestored } from '../../protocol/messages.ts'
import { DEFAULT_OUTBOX, DEFAULT_RECONNECT, type HubSettings } from '../settings.ts'
import type { NewMessage, OutboxEntry } from '../ports.ts'

/** An id that can be read in a failing test. */
export const id = (name: string | number): string => `${name}`.padEnd(22, '_')

/** The client id of a new store in tests. */
export const CLIENT: string = id('client')
/** The sender it names. */
export const SENDER: string = id('sender')

/** The ledger of a server in tests. */
export const LEDGER: string = id('ledger')

/** The epoch of a channel in tests. */
export const EPOCH: string = id('epoch')

/** Settings without chance in the delays. */
export function settings(changes: { readonly [Key in 'reconnect' | 'outbox']?: Partial<HubSettings[Key]> } = {}): HubSettings {
  return {
    url: 'wss://app.test/live',
    user: 'ada',
    reconnect: { ...DEFAULT_RECONNECT, jitter: 0, ...changes.reconnect },
    outbox: { ...DEFAULT_OUTBOX, ...changes.outbox },
    hiddenDelayMs: 1_000,
  }
}

/** An answer to `hello` of a server that knows nothing of the client, unless told otherwise. */
export function welcome(changes: Partial<Omit<SessionInit, 'type'>> = {}): SessionInit {
  return {
    type: 'session_init',
    session: { id: id('session'), token: 't'.repeat(43) },
    protocol: 1,
    user: 'ada',
    connection: 1,
    ledger: LEDGER,
    client: null,
    reach: { made: 0, forgotten: 0 },
    limits: DEFAULT_LIMITS,
    heartbeat: DEFAULT_HEARTBEAT,
    ...changes,
  }
}

/** An answer that resumes the session of {@link welcome}. */
export function restored(changes: Partial<Omit<SessionRestored, 'type'>> = {}): SessionRestored {
  return { ...welcome(), connection: 2, ...changes, type: 'session_restored', session: { id: id('session') } }
}

/** An answer to a `hello` with an outbox token. */
export function sendOnlyAnswer(changes: Partial<Omit<SendOnly, 'type'>> = {}): SendOnly {
  const { protocol, user, ledger, client, reach, limits, heartbeat } = welcome()
  return { type: 'send_only', protocol, user, ledger, client, reach, limits, heartbeat, ...changes }
}

/** The place at `offset`. */
export const place = (offset: number, epoch: string = EPOCH): Cursor => ({ epoch, offset, id: offset === 0 ? '' : id(`m${offset}`) })

/** Published messages with offsets `from` to `to`. */
export function published(from: number, to: number): PublishedMessage[] {
  return Array.from({ length: to - from + 1 }, (_, at) => ({ offset: from + at, id: id(`m${from + at}`), data: from + at }))
}

/** A message without a number. */
export const message = (name: string | number): NewMessage => ({ id: id(name), channel: 'agents', json: JSON.stringify(name) })

/** A message with a number, as a new store has it. */
export const entry = (n: number, name: string | number = n): OutboxEntry => ({ ...message(name), n, atMs: 1_000_000 })
