import type { Id } from '../protocol/messages.ts'

/**
 * What the app must be told whatever dies, and the rules of what is kept of it until a listener has run. The stores use
 * them inside their transactions.
 * Lists are in the order in which things happened: no clock has a part in it.
 */

/** Notices of one kind that are kept. Older ones only count. */
export const MAX_NOTICES = 16

/** Ids in one list of a notice, the latest. Older ones only count. */
export const MAX_NOTICE_IDS = 1_000

/** Why the outbox must restart. */
export type Disagreement = 'ledger' | 'forgotten' | 'store-went-back' | 'server-went-back' | 'other-id' | 'conflict' | 'cloned'

/**
 * Why the outbox restarted: what client and server disagreed about, stored data that could not be read, or a sign-out
 * that kept the messages.
 */
export type RestartReason = Disagreement | 'storage-corrupt' | 'signed-out'

/** The outbox began a new run of numbers, since nobody knows for sure what became of messages of the last one. */
export interface OutboxRestart {
  /** Wall-clock time it happened. */
  readonly atMs: number
  /**
   * Of several restarts before the server could be asked, the first one's; or of the one after which confirmed messages
   * may be lost.
   */
  readonly reason: RestartReason
  /**
   * Messages that are sent again and may be applied a second time, or wait for the app's decision (option `mayRepeat`).
   */
  readonly mayRepeat: readonly Id[]
  /**
   * Messages confirmed in the ten minutes before, which the server may have lost. Each is named by one restart only.
   */
  readonly mayBeLost: readonly Id[]
  /** How many older messages there was no room to name. */
  readonly older: number
}

/**
 * The browser took the storage away while the hub ran: cleared by the user, or evicted. The outbox went on in a new
 * one, under a new client id.
 */
export interface StorageLost {
  /** Wall-clock time it was noticed. */
  readonly atMs: number
  /** What the browser said. */
  readonly reason: string
  /** Messages that had not left, and were queued again. */
  readonly requeued: number
  /**
   * Messages that may have been applied, since only the lost storage knew what to ask the server, or that the new one
   * did not take. They are not sent again.
   * Their senders are told `may-repeat`.
   */
  readonly mayRepeat: readonly Id[]
  /** Parked messages that the new storage did not take: what they said is gone. How they ended was told before. */
  readonly lost: readonly Id[]
  /** How many older messages there was no room to name. */
  readonly older: number
}

/** As it is kept: without a list that is empty. */
export type NotedLoss = Omit<StorageLost, 'lost'> & Partial<Pick<StorageLost, 'lost'>>

/** What the app must be told: an event, by a name that tells it from all others. */
export type AppNotice =
  | { readonly id: Id; readonly kind: 'outbox-restarted'; readonly event: OutboxRestart }
  | { readonly id: Id; readonly kind: 'storage-lost'; readonly event: NotedLoss }

/** What a restart has to tell when it happens; `id` names its notice, unless it adds to one that is open. */
export interface NewRestart extends Pick<OutboxRestart, 'atMs' | 'mayRepeat' | 'mayBeLost'> {
  readonly id: Id
  readonly reason: RestartReason
}

/**
 * Notes a restart.
 * @param isOpen whether the server was still to be asked about messages when it happened: then it is one with the
 * restart before
 */
export function noteRestart(notices: readonly AppNotice[], restart: NewRestart, isOpen: boolean): readonly AppNotice[] {
  const { id, atMs, reason, mayRepeat, mayBeLost } = restart
  const open = isOpen ? newestRestart(notices) : undefined
  if (!open) {
    const event = { atMs, reason, mayRepeat, mayBeLost, older: 0 }
    return addNotices(notices, [{ id, kind: 'outbox-restarted', event }])
  }
  const { event } = open
  return replaced(notices, open, {
    ...event,
    reason: serverWentBack(event.reason) || !serverWentBack(reason) ? event.reason : reason,
    mayRepeat: union(event.mayRepeat, mayRepeat),
    mayBeLost: union(event.mayBeLost, mayBeLost),
  })
}

/** Whether a restart for this reason means that what the server has confirmed may be lost with its memory. */
export function serverWentBack(why: RestartReason): boolean {
  return why === 'ledger' || why === 'server-went-back'
}

/** Notes what an answer of the server's leaves doubtful, and what it settles, in the notice that is open. */
export function noteAnswer(notices: readonly AppNotice[], doubtful: readonly Id[], settled: readonly Id[]): readonly AppNotice[] {
  const open = newestRestart(notices)
  if (!open || doubtful.length + settled.length === 0) return notices
  const known = new Set(settled)
  return replaced(notices, open, { ...open.event, mayRepeat: union(open.event.mayRepeat, doubtful).filter((id) => !known.has(id)) })
}

/**
 * Adds notices; one that is there is replaced. What there is no room for is counted in the oldest of its kind that is
 * left.
 */
export function addNotices(notices: readonly AppNotice[], added: readonly AppNotice[]): readonly AppNotice[] {
  if (added.length === 0) return notices
  const byId = new Map([...notices, ...added.map((notice) => fitted(notice))].map((notice) => [notice.id, notice]))
  return [...byId.values()].reduceRight<readonly AppNotice[]>((left, notice) => {
    const same = left.filter(({ kind }) => kind === notice.kind)
    const [oldest] = same
    if (!oldest || same.length < MAX_NOTICES) return [notice, ...left]
    const more = named(notice.event) + notice.event.older
    return left.map((other) => (other === oldest ? fitted(oldest, more) : other))
  }, [])
}

/** Those that may be told: all but the one that waits for the server's answers. */
export function readyNotices(notices: readonly AppNotice[], isOpen: boolean): readonly AppNotice[] {
  const open = isOpen ? newestRestart(notices) : undefined
  return open ? notices.filter((notice) => notice !== open) : notices
}

type RestartNotice = Extract<AppNotice, { readonly kind: 'outbox-restarted' }>

function newestRestart(notices: readonly AppNotice[]): RestartNotice | undefined {
  return notices.findLast((notice) => notice.kind === 'outbox-restarted')
}

function replaced(notices: readonly AppNotice[], notice: RestartNotice, event: OutboxRestart): readonly AppNotice[] {
  return notices.map((other) => (other === notice ? fitted({ ...notice, event }) : other))
}

function union(some: readonly Id[], more: readonly Id[]): readonly Id[] {
  return [...new Set([...some, ...more])]
}

/** The lists of messages in an event. */
const LISTS = ['mayRepeat', 'mayBeLost', 'lost'] as const

/** As it may be kept, when `more` older messages are not named any more. */
function fitted<Notice extends AppNotice>(notice: Notice, more: number = 0): Notice {
  const event: Lists & AppNotice['event'] = notice.event
  const left = { ...event }
  for (const list of LISTS) if (event[list]) left[list] = event[list].slice(-MAX_NOTICE_IDS)
  return { ...notice, event: { ...left, older: event.older + more + named(event) - named(left) } }
}

/** How many messages an event names. */
function named(event: Lists): number {
  return LISTS.reduce((sum, list) => sum + (event[list]?.length ?? 0), 0)
}

type Lists = { [List in (typeof LISTS)[number]]?: readonly Id[] }
