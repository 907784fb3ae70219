import type { PageLog } from './desk.ts'
import type { Happened } from './faults/fault.ts'
import { userChannel, type JournalRow } from './journal.ts'

/** What was done to the storage of a user, as far as the promise depends on it. */
export type StorageLoss =
  /** The storage went back to how it was at `asOfMs`; what was stored from then until `untilMs` is gone. */
  | { readonly type: 'rolled back'; readonly user: string; readonly asOfMs: number; readonly untilMs: number }
  /** Several browsers hold what was queued until `atMs`. */
  | { readonly type: 'copied'; readonly user: string; readonly atMs: number }
  /** The storage was taken away at some time from `atMs` on. */
  | { readonly type: 'cleared'; readonly user: string; readonly atMs: number }
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
  readonly kind: 'lost' | 'doubled' | 'out of order' | 'stuck' | 'unfounded' | 'broken'
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
        sent.set(event.seq, { key: `${page.page}:${event.seq}`, id: event.id, page, seq: event.seq, sentMs: event.atMs })
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
