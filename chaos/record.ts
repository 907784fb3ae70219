import type { PageLog } from './desk.ts'
import type { Happened } from './faults/fault.ts'
import { userChannel, type JournalRow } from './journal.ts'
import type { PageEvent } from './page/page-event.ts'

/** What was done to the storage of a user, as far as the promise depends on it. */
export type StorageLoss =
  /** The storage went back to how it was at `asOfMs`; what was stored from then until `untilMs` is gone. */
  | { readonly type: 'rolled back'; readonly user: string; readonly asOfMs: number; readonly untilMs: number }
  /** Several browsers hold what was queued until `atMs`. */
  | { readonly type: 'copied'; readonly user: string; readonly atMs: number }
  /**
   * The storage was taken away at some time from `atMs` on. A hub that lived, and went on living, has saved what was
   * there.
   */
  | { readonly type: 'cleared'; readonly user: string; readonly atMs: number; readonly hubLived: boolean }
  /** The user was to be signed out, with all that was queued. */
  | { readonly type: 'signed out'; readonly user: string; readonly atMs: number }

/** Everything a run left behind: what took effect, what the pages were told, and what was done to them. */
export interface RunRecord {
  readonly journal: readonly JournalRow[]
  readonly pages: readonly PageLog[]
  readonly faults: readonly Happened[]
  readonly losses: readonly StorageLoss[]
  /** When everybody was well again: ends of rounds, in order. */
  readonly wellMs: readonly number[]
}

/** Something that must never happen. */
export interface Violation {
  readonly kind: 'lost' | 'doubled' | 'out of order' | 'stuck' | 'half done' | 'unfounded' | 'untold' | 'untrue' | 'broken'
  readonly text: string
  readonly atMs: number
  /** The messages concerned. */
  readonly keys: readonly string[]
}

/** A message as its page and the journal know it. */
export interface SentRecord {
  readonly key: string
  readonly id: string
  readonly page: PageLog
  readonly seq: number
  /** Sent with `durable: false`. */
  readonly volatile: boolean
  readonly sentMs: number
  queuedMs?: number
  appliedMs?: number
  /** It was told that it will never be queued. */
  failed?: string
  /** It was queued, and told that it will not be applied or that nobody can tell. */
  ended?: string
}

/** Every message that a page has told of. */
export function sentMessages(pages: readonly PageLog[]): readonly SentRecord[] {
  return pages.flatMap((page) => {
    const sent = new Map<number, SentRecord>()
    for (const event of page.events) {
      if (event.type === 'sent')
        sent.set(event.seq, {
          key: `${page.page}:${event.seq}`,
          id: event.id,
          page,
          seq: event.seq,
          volatile: event.volatile === true,
          sentMs: event.atMs,
        })
      const message = 'seq' in event ? sent.get(event.seq) : undefined
      if (!message) continue
      if (event.type === 'queued') message.queuedMs = event.atMs
      if (event.type === 'applied') message.appliedMs = event.atMs
      if (event.type === 'failed') message.failed = event.code
      if (event.type === 'ended') message.ended = event.code
    }
    return [...sent.values()]
  })
}

/** A number that was committed. */
export type Committed = Extract<JournalRow, { type: 'committed' }>

/** All that was committed, by message id, in order. */
export function committedById({ journal }: Pick<RunRecord, 'journal'>): ReadonlyMap<string, readonly Committed[]> {
  const byId = new Map<string, Committed[]>()
  for (const row of journal) {
    if (row.type !== 'committed') continue
    const rows = byId.get(row.id)
    if (rows) rows.push(row)
    else byId.set(row.id, [row])
  }
  return byId
}

/** Who sent a message and when, as far as that is known: a page that dies at once tells nobody. */
export interface Sender {
  readonly user: string
  readonly sentMs: number
  readonly page?: PageLog
}

/**
 * Whether the sender knew at this moment that nothing was durable, or a page of the user heard in that round that the
 * storage failed.
 */
export function storageFailed(record: RunRecord, { user, page }: Omit<Sender, 'sentMs'>, atMs: number): boolean {
  const known = page?.events.findLast((event) => event.type === 'durable' && event.atMs <= atMs)
  if (known?.type === 'durable' && !known.durable) return true
  const { fromMs, toMs } = roundOf(record, atMs)
  const isFailure = (event: PageEvent): boolean =>
    event.atMs >= fromMs &&
    event.atMs <= toMs &&
    ((event.type === 'error' && event.code.startsWith('storage-')) || (event.type === 'durable' && !event.durable))
  return record.pages.some((other) => other.user === user && other.events.some(isFailure))
}

/** A sign-out sends what it can before it deletes the rest. */
const SIGN_OUT_MS = 8_000

/**
 * Whether the storage that remembered a message, and had something to tell of it since `atMs`, went before anybody can
 * have heard.
 */
export function mayHaveLostNotices(record: RunRecord, sender: Sender, atMs: number): boolean {
  const { user, sentMs } = sender
  const { toMs } = roundOf(record, atMs)
  const isGone = (loss: StorageLoss): boolean => {
    if (loss.user !== user || loss.type === 'copied') return false
    const goneMs = 'untilMs' in loss ? loss.untilMs : loss.atMs
    return goneMs + (loss.type === 'signed out' ? SIGN_OUT_MS : 0) >= sentMs && goneMs <= toMs
  }
  return record.losses.some(isGone) || storageFailed(record, sender, sentMs) || storageFailed(record, sender, atMs)
}

/** Names of all that was published, by the channel's name in the journal, in order. */
export function publishedNames(journal: readonly JournalRow[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>()
  for (const row of journal) {
    if (row.type === 'started') continue
    for (const { channel, name } of row.published) {
      const list = names.get(channel)
      if (list) list.push(name)
      else names.set(channel, [name])
    }
  }
  return names
}

/** The journal's name of a channel that a page of `user` reads. */
export function journalChannel(channel: string, user: string): string {
  return channel === '@user' ? userChannel(user) : channel
}

/** The round of a moment: what was queued in it is decided, or declared as lost, before it ends. */
export function roundOf({ wellMs }: Pick<RunRecord, 'wellMs'>, atMs: number): { readonly fromMs: number; readonly toMs: number } {
  return { fromMs: wellMs.findLast((well) => well < atMs) ?? 0, toMs: wellMs.find((well) => well >= atMs) ?? Infinity }
}

/** Whether something was done to the browser of a page between these times that may have ended its hub. */
export function mayHaveEndedHub(faults: RunRecord['faults'], page: string, fromMs: number, toMs: number): boolean {
  return faults.some((fault) => fault.where === `browser ${page.slice(0, 1)}` && fault.toMs >= fromMs && fault.fromMs <= toMs)
}
