import type { PageLog } from '../desk.ts'
import { journalChannel, mayHaveEndedHub, publishedNames, type RunRecord, type Violation } from '../record.ts'

/** Figures of a run's messages on their way down. */
export interface DownwardCounts {
  /** Messages that pages were handed. */
  delivered: number
  values: number
  resets: number
  recoveries: number
  restarts: number
}

/** Why a channel may begin anew, and what must have happened before. */
const KNOWN_RESETS = ['epoch', 'trimmed', 'hook-failed', 'too-slow']
/** Why an outbox begins anew when a server forgot something; else a browser's storage did. */
const SERVERS_REASONS = ['ledger', 'server-went-back', 'forgotten']
/** How much of a channel the server keeps. */
const HISTORY_MESSAGES = 400

/** Holds what each page was handed against what was published: no gap without a reset, no repeat, nothing of another user (I15, I16, I20, I26). */
export function checkDownward(record: RunRecord): { readonly counts: DownwardCounts; readonly violations: readonly Violation[] } {
  const published = publishedNames(record.journal)
  const places = new Map([...published].map(([channel, names]) => [channel, new Map(names.map((name, at) => [name, at + 1]))]))
  const counts: DownwardCounts = { delivered: 0, values: 0, resets: 0, recoveries: 0, restarts: 0 }
  const violations = record.pages.flatMap((page) => checkPage(page, record, places, counts))
  return { counts, violations }
}

/** Where a page is in a channel. */
interface Place {
  /** What the value held. */
  readonly rows: number
  /** The last message after it. */
  last?: number
  /** When it was told. */
  atMs: number
}

function checkPage(
  { page, user, events }: PageLog,
  { journal, faults, losses }: RunRecord,
  published: ReadonlyMap<string, ReadonlyMap<string, number>>,
  counts: DownwardCounts,
): readonly Violation[] {
  const violations: Violation[] = []
  const places = new Map<string, Place>()
  /** The furthest a page has been. */
  const furthest = new Map<string, number>()
  const violate = (kind: Violation['kind'], atMs: number, text: string): void =>
    void violations.push({ kind, atMs, text: `${page}: ${text}`, keys: [] })

  for (const event of events) {
    const { atMs } = event
    if (event.type === 'restart') {
      counts.restarts++
      const isServers = journal.some((row) => row.atMs <= atMs && (row.type === 'gave up' || (row.type === 'started' && row.server > 1)))
      const isBrowsers = losses.some((loss) => loss.user === user && ('untilMs' in loss ? loss.untilMs : loss.atMs) <= atMs)
      if (!isBrowsers && !(isServers && SERVERS_REASONS.includes(event.reason)))
        violate('unfounded', atMs, `outbox restarted: ${event.reason}`)
      if (event.mayBeLost.length > 0 && !isServers) violate('unfounded', atMs, `mayBeLost after ${event.reason}`)
    }
    // Every build has the same service worker.
    if (event.type === 'reload') violate('unfounded', atMs, 'reloaded for a new version of the app')
    if (!('channel' in event)) continue
    const { channel } = event
    const name = journalChannel(channel, user)
    const place = places.get(channel)
    const at = place && (place.last ?? place.rows)
    switch (event.type) {
      case 'recovered':
        counts.recoveries++
        break
      case 'refused':
        violate('broken', atMs, `${channel} was refused: ${event.code}`)
        break
      case 'snapshot':
        counts.values++
        if (place) violate('out of order', atMs, `${channel}: a new value (${event.rows}) without a reset, at ${at}`)
        // What the browser had kept may be older, for whoever has lost its place; it says that it is.
        if (!event.stale && event.rows < (furthest.get(channel) ?? 0))
          violate('out of order', atMs, `${channel}: a value of ${event.rows} after having been at ${furthest.get(channel)}`)
        places.set(channel, { rows: event.rows, atMs })
        break
      case 'reset': {
        counts.resets++
        places.delete(channel)
        const { reason } = event
        const rowsThen = publishedUntil(journal, name, atMs)
        const founded =
          reason === 'epoch'
            ? journal.filter((row) => row.type === 'started' && row.atMs <= atMs).length > 1
            : reason === 'trimmed'
              ? rowsThen - (at ?? 0) >= HISTORY_MESSAGES * 0.75 || mayHaveEndedHub(faults, page, place?.atMs ?? 0, atMs)
              : faults.some(({ kind, fromMs }) => kind === 'no snapshots' && fromMs <= atMs)
        if (!KNOWN_RESETS.includes(reason) || !founded) violate('unfounded', atMs, `${channel}: reset ${reason} at ${at} of ${rowsThen}`)
        break
      }
      case 'messages':
        for (const message of event.names) {
          counts.delivered++
          const row = published.get(name)?.get(message)
          if (row === undefined) violate('broken', atMs, `${channel}: got ${message}, which nobody published there`)
          else if (!place) violate('out of order', atMs, `${channel}: got ${row} without a value to begin with`)
          else {
            const expected = (place.last ?? place.rows) + 1
            const fits = place.last === undefined ? row <= expected : row === expected
            if (!fits && row > expected)
              violate('lost', atMs, `${channel}: got ${row} where ${expected} was next: ${row - expected} are missing`)
            else if (!fits) violate('doubled', atMs, `${channel}: got ${row} again, ${expected} was next`)
            place.last = row
            place.atMs = atMs
          }
        }
    }
    const now = places.get(channel)
    if (now) furthest.set(channel, Math.max(furthest.get(channel) ?? 0, now.last ?? now.rows))
  }
  return violations
}

function publishedUntil(journal: RunRecord['journal'], channel: string, atMs: number): number {
  let count = 0
  for (const row of journal) {
    if (row.atMs > atMs) break
    if (row.type !== 'started') count += row.published.filter((one) => one.channel === channel).length
  }
  return count
}
