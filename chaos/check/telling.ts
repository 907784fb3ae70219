import type { PageEvent } from '../page/page-event.ts'
import {
  committedById,
  mayHaveLostNotices,
  roundOf,
  sentMessages,
  type Committed,
  type RunRecord,
  type Sender,
  type SentRecord,
  type Violation,
} from '../record.ts'

/** Figures of what was told of repeats and losses. */
export interface TellingCounts {
  /** Messages that took effect twice, and were told of. */
  toldRepeats: number
  /** Messages that a server had confirmed and forgotten, and were told of. */
  toldLosses: number
}

/** Confirmed messages that a server loses are told of for ten minutes; what was confirmed just within may be too old when it is told. */
const TOLD_FOR_MS = 9 * 60_000

type Restart = Extract<PageEvent, { type: 'restart' }>

/** What somebody has to hear, and whether it was heard. */
interface Notice {
  readonly key: string
  readonly sender: Sender
  readonly atMs: number
  readonly isTold: boolean
  readonly what: string
}

/** What listeners of one user heard. */
interface Heard {
  readonly mayRepeat: Set<string>
  readonly restarts: Restart[]
  /** When it was heard that there was no room to name more messages. */
  readonly olderMs: number[]
}

/**
 * Holds what listeners heard against what happened (I38): every effect that came twice was told of, and so was every message that a server had confirmed and then
 * forgot. Whoever died meanwhile, somebody heard it by the end.
 */
export function checkTelling(record: RunRecord): { readonly counts: TellingCounts; readonly violations: readonly Violation[] } {
  const effects = committedById(record)
  const heard = heardByUser(record)
  const sent = new Map(sentMessages(record.pages).map((message) => [message.id, message]))
  const repeats = [...effects].flatMap(([id, rows]): readonly Notice[] => {
    const [first, ...more] = rows.filter(({ fate }) => fate === 'applied')
    const again = more.find(({ mayRepeat }) => mayRepeat)
    if (!first || !again) return []
    const { key = id, user } = first
    const told = heard.get(user ?? '')
    const isTold = isDoubtful(sent.get(id)) || told?.mayRepeat.has(id) === true || isAmongOlder(told, first.atMs)
    const message = sent.get(id)
    const sender = { user: user ?? '', sentMs: first.atMs, ...message }
    return [{ key, sender, atMs: again.atMs, isTold, what: `took effect ${more.length + 1} times, and nobody heard of it` }]
  })
  const starts = record.journal.flatMap((row) => (row.type === 'started' ? [row.atMs] : []))
  const losses = [...sent.values()].flatMap((message): readonly Notice[] => {
    const { id, key, page } = message
    const rows = (effects.get(id) ?? []).filter(({ fate }) => fate === 'applied')
    const atMs = forgottenAt(message, rows, starts)
    const told = heard.get(page.user)
    if (atMs === undefined || isDoubtful(message) || rows.length > 1 || told?.mayRepeat.has(id)) return []
    if (isOfAnotherTime(record, page.page, atMs)) return []
    const isListed = told?.restarts.some((restart) => restart.atMs >= atMs && restart.mayBeLost.includes(id)) === true
    const isTold = isListed || isAmongOlder(told, atMs)
    const sender = { user: page.user, ...message }
    return [
      { key, sender, atMs, isTold, what: 'was confirmed by a server that then lost its memory, and nobody heard that it may be lost' },
    ]
  })
  const untold = [...repeats, ...losses].filter(({ isTold, sender, atMs }) => !isTold && !mayHaveLostNotices(record, sender, atMs))
  return {
    counts: { toldRepeats: repeats.filter(({ isTold }) => isTold).length, toldLosses: losses.filter(({ isTold }) => isTold).length },
    violations: untold.map(({ key, atMs, what }) => ({ kind: 'untold', atMs, text: `${key} ${what}`, keys: [key] })),
  }
}

function isDoubtful(message: SentRecord | undefined): boolean {
  return message?.failed === 'may-repeat' || message?.ended === 'may-repeat'
}

/** Whether the hub's clock was set in this round: the next hub takes what was confirmed before for days older, and tells only of the last ten minutes. */
function isOfAnotherTime(record: RunRecord, page: string, atMs: number): boolean {
  const { fromMs, toMs } = roundOf(record, atMs)
  const where = `browser ${page.slice(0, 1)}`
  return record.faults.some(
    (fault) => fault.kind === 'clock of the hub set' && fault.where === where && fault.toMs >= fromMs && fault.fromMs <= toMs,
  )
}

function isAmongOlder(heard: Heard | undefined, sinceMs: number): boolean {
  return heard?.olderMs.some((olderMs) => olderMs >= sinceMs) === true
}

/** When the server that had confirmed a message was followed by one that knows nothing of it. */
function forgottenAt({ appliedMs, page }: SentRecord, rows: readonly Committed[], starts: readonly number[]): number | undefined {
  const [first] = rows
  // What was confirmed to a copy of a profile went with the copy.
  if (first === undefined || appliedMs === undefined || page.page.includes('-copy')) return undefined
  const nextMs = starts[first.server]
  return nextMs !== undefined && appliedMs <= nextMs && nextMs - appliedMs <= TOLD_FOR_MS ? nextMs : undefined
}

function heardByUser({ pages }: RunRecord): ReadonlyMap<string, Heard> {
  const users = new Map<string, Heard>()
  for (const { user, events } of pages) {
    const heard = users.get(user) ?? { mayRepeat: new Set(), restarts: [], olderMs: [] }
    users.set(user, heard)
    for (const event of events) {
      if (event.type === 'restart') heard.restarts.push(event)
      if (event.type !== 'restart' && event.type !== 'storageLost') continue
      for (const id of event.mayRepeat) heard.mayRepeat.add(id)
      if (event.older > 0) heard.olderMs.push(event.atMs)
    }
  }
  return users
}
