import {
  committedById,
  roundOf,
  sentMessages,
  storageFailed,
  type Committed,
  type RunRecord,
  type SentRecord,
  type StorageLoss,
  type Violation,
} from '../record.ts'

/** Figures of a run's messages on their way up. */
export interface UpwardCounts {
  sent: number
  queued: number
  /** Effects, repeated ones too. */
  applied: number
  rejected: number
  /** Refused at `send`: never queued. */
  failed: number
  /** Second effects that were marked `mayRepeat` before. */
  announcedRepeats: number
  /** Second effects of what several copies of a profile, or one that went back, had queued. */
  copiedRepeats: number
  /** Queued and not applied, while a page of the user was told that the storage failed. */
  announcedLosses: number
  /** Queued, and discarded because the user signed out. */
  discarded: number
  /** Queued into a storage that was then put back, or emptied while nobody could tell. */
  declaredLosses: number
}

/** Why a message may be refused: what is done here to storages and hubs, and people who leave. */
const FAILURES = ['storage-failed', 'storage-full', 'outbox-full', 'hub-failed', 'hub-timeout', 'may-repeat', 'unknown', 'closed']
/** How long after its loss a storage may still have answered for what it did not hold any more. */
const LOSS_MS = 2_000

/** Holds what took effect against what was promised: everything queued once, in order (I6, I7, I8), as its own user (I25), numbers without gaps (I9). */
export function checkUpward(record: RunRecord): { readonly counts: UpwardCounts; readonly violations: readonly Violation[] } {
  const committed = record.journal.filter((row): row is Committed => row.type === 'committed')
  const byId = committedById(record)
  const messages = sentMessages(record.pages).filter(({ volatile }) => !volatile)
  const counts: UpwardCounts = {
    sent: messages.length,
    queued: 0,
    applied: 0,
    rejected: 0,
    failed: 0,
    announcedRepeats: 0,
    copiedRepeats: 0,
    announcedLosses: 0,
    discarded: 0,
    declaredLosses: 0,
  }
  const violations: Violation[] = []
  const violate = (kind: Violation['kind'], atMs: number, text: string, keys: readonly string[] = []): void =>
    void violations.push({ kind, atMs, text, keys })

  for (const message of messages) {
    const { key, id, sentMs, page } = message
    const rows = (byId.get(id) ?? []).filter(({ fate }) => fate !== 'skipped')
    const effects = rows.filter(({ fate }) => fate === 'applied')
    counts.applied += effects.length
    counts.rejected += rows.length - effects.length
    if (message.failed !== undefined) counts.failed++
    if (message.queuedMs !== undefined) counts.queued++

    if (message.failed !== undefined && !FAILURES.includes(message.failed))
      violate('untrue', sentMs, `${key} was refused as ${message.failed}`, [key])
    if (message.ended === 'expired') violate('untrue', sentMs, `${key} was told as expired, and nothing here is that old`, [key])
    if (message.failed !== undefined && !isDoubtful(message) && rows.length > 0)
      violate('broken', sentMs, `${key} was told as never queued (${message.failed}) and yet came to the server`, [key])
    if (message.appliedMs !== undefined && effects.length === 0)
      violate('lost', message.appliedMs, `${key} was told as applied and has no effect`, [key])
    if (message.queuedMs !== undefined && rows.length === 0) {
      if (wasDiscarded(record, message)) counts.discarded++
      else if (storageFailed(record, { user: page.user, page }, message.queuedMs) || wasSaid(record, message)) counts.announcedLosses++
      else if (record.losses.some((loss) => mayHaveTaken(loss, message, record))) counts.declaredLosses++
      else
        violate(
          'lost',
          message.queuedMs,
          `${key} was queued and never came to the server; its page was told ${message.ended ?? 'nothing'}`,
          [key],
        )
    }
    for (const row of effects.slice(1)) {
      if (row.mayRepeat) counts.announcedRepeats++
      else if (record.losses.some((loss) => mayHaveCopied(loss, message))) counts.copiedRepeats++
      else violate('doubled', row.atMs, `${key} took effect ${effects.length} times, and this one was not announced`, [key])
    }
    for (const row of rows) {
      if (row.user !== page.user) violate('broken', row.atMs, `${key} of user ${page.user} was applied as ${row.user ?? 'nobody'}`, [key])
      if (row.mayRepeat && !mayHaveForgotten(record, page.user, sentMs, row.atMs))
        violate('unfounded', row.atMs, `${key} was marked mayRepeat, and nothing had been forgotten since it was sent`, [key])
    }
  }
  violations.push(...checkUnheard(record, messages, byId), ...checkOrder(messages, byId, committed), ...checkNumbers(committed))
  return { counts, violations }
}

/** Messages of pages that died before they could tell of them take effect once, too. */
function checkUnheard(
  { losses }: RunRecord,
  messages: readonly SentRecord[],
  byId: ReadonlyMap<string, readonly Committed[]>,
): readonly Violation[] {
  const heard = new Set(messages.map(({ id }) => id))
  return [...byId].flatMap(([id, rows]) => {
    const [first, ...more] = rows.filter(({ fate }) => fate === 'applied')
    const again = more.find(({ mayRepeat }) => !mayRepeat)
    const mayBeCopied = losses.some(({ user, type }) => user === first?.user && (type === 'copied' || type === 'rolled back'))
    if (heard.has(id) || !again || mayBeCopied) return []
    const { key = id, atMs } = again
    return [{ kind: 'doubled' as const, atMs, text: `${key}, whose page died, took effect ${more.length + 1} times`, keys: [key] }]
  })
}

/** First effects of one page come in the order in which it sent. A message of which the page was told that nobody can tell has left its place. */
function checkOrder(
  messages: readonly SentRecord[],
  byId: ReadonlyMap<string, readonly Committed[]>,
  committed: readonly Committed[],
): readonly Violation[] {
  const places = new Map(committed.map((row, at) => [row, at]))
  const violations: Violation[] = []
  let last: { readonly message: SentRecord; readonly at: number } | undefined
  for (const message of messages) {
    const first = byId.get(message.id)?.find(({ fate }) => fate !== 'skipped')
    if (!first || isDoubtful(message)) continue
    const at = places.get(first) ?? 0
    if (last?.message.page === message.page && at < last.at)
      violations.push({
        kind: 'out of order',
        atMs: first.atMs,
        text: `${message.key} took effect before ${last.message.key}`,
        keys: [last.message.key, message.key],
      })
    last = { message, at }
  }
  return violations
}

/** Whether its page was told that nobody can tell what became of a message: also of one that a hub had been handed and never answered for. */
function isDoubtful({ failed, ended }: SentRecord): boolean {
  return failed === 'may-repeat' || failed === 'unknown' || ended === 'may-repeat'
}

/** One server commits the numbers of a client from 1 on, without gaps. */
function checkNumbers(committed: readonly Committed[]): readonly Violation[] {
  const next = new Map<string, number>()
  return committed.flatMap(({ server, client, n, key, atMs }) => {
    const run = `${server} ${client}`
    const expected = next.get(run) ?? 1
    next.set(run, n + 1)
    if (n === expected) return []
    return [
      {
        kind: 'out of order' as const,
        atMs,
        text: `server ${server} applied ${n} of ${client} where ${expected} was next`,
        keys: key ? [key] : [],
      },
    ]
  })
}

/** A storage that went back, or was emptied while no hub had it open, cannot know what it had; a hub that lives knows. */
function mayHaveTaken(loss: StorageLoss, { page, queuedMs = 0 }: SentRecord, record: RunRecord): boolean {
  if (loss.user !== page.user) return false
  if (loss.type === 'rolled back') return queuedMs >= loss.asOfMs - LOSS_MS && queuedMs <= loss.untilMs
  return loss.type === 'cleared' && !loss.hubLived && queuedMs <= loss.atMs + LOSS_MS && loss.atMs <= roundOf(record, queuedMs).toMs
}

/** Whether the user was signed out in the round of a message, and its page was told so, or did not live to be told. */
function wasDiscarded(record: RunRecord, { page, queuedMs = 0, ended }: SentRecord): boolean {
  const { fromMs, toMs } = roundOf(record, queuedMs)
  const isSignOut = (loss: StorageLoss): boolean =>
    loss.type === 'signed out' && loss.user === page.user && loss.atMs >= fromMs && loss.atMs <= toMs
  return (ended === 'closed' || (ended === undefined && page.heardAtMs <= toMs)) && record.losses.some(isSignOut)
}

/** Whether a storage was taken away under a hub in the round of a message, and it was told of this one that nobody can know. */
function wasSaid(record: RunRecord, { id, page: { user }, queuedMs = 0, ended }: SentRecord): boolean {
  const { fromMs, toMs } = roundOf(record, queuedMs)
  const { losses, pages } = record
  if (!losses.some((loss) => loss.type === 'cleared' && loss.user === user && loss.atMs >= fromMs && loss.atMs <= toMs)) return false
  const isListed = pages.some(
    (page) => page.user === user && page.events.some((event) => event.type === 'storageLost' && event.mayRepeat.includes(id)),
  )
  return ended === 'may-repeat' || isListed
}

function mayHaveCopied(loss: StorageLoss, { page, sentMs }: SentRecord): boolean {
  if (loss.user !== page.user) return false
  if (loss.type === 'rolled back') return sentMs <= loss.asOfMs
  return loss.type === 'copied' && sentMs <= loss.atMs
}

/**
 * Whether server or storage lost a memory between these times, or a message was queued in several places. A service worker notes what it is about to send
 * before it can learn that the server is another one than that of the last welcome, which everybody had when the round began.
 */
function mayHaveForgotten(record: RunRecord, user: string, sentMs: number, toMs: number): boolean {
  const { journal, losses } = record
  const { fromMs } = roundOf(record, sentMs)
  const isForgetting = (row: RunRecord['journal'][number]): boolean => row.type === 'gave up' || (row.type === 'started' && row.server > 1)
  const servers = journal.some((row) => isForgetting(row) && row.atMs >= fromMs && row.atMs <= toMs)
  return servers || losses.some((loss) => loss.user === user && ('untilMs' in loss ? loss.untilMs : loss.atMs) <= toMs)
}
