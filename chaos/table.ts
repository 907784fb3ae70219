import type { DownwardCounts } from './check/downward.ts'
import type { TellingCounts } from './check/telling.ts'
import type { UpwardCounts } from './check/upward.ts'
import type { VolatileCounts } from './check/volatile.ts'
import type { Happened } from './faults/fault.ts'
import type { RunRecord, Violation } from './record.ts'

/** All figures of a run. */
export type RunCounts = UpwardCounts & DownwardCounts & TellingCounts & VolatileCounts

/** The end of a run, for people. */
export function formatResult(
  seed: number,
  minutes: number,
  { faults, pages, journal }: RunRecord,
  counts: RunCounts,
  violations: readonly Violation[],
): string {
  const kinds = new Map<string, number>()
  for (const { kind, what } of faults) if (!what.startsWith('not carried out')) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const missed = faults.filter(({ what }) => what.startsWith('not carried out')).length
  const number = (kind: Violation['kind']): number => violations.filter((violation) => violation.kind === kind).length
  const rows: (readonly [string, number])[] = [
    ...[...kinds].sort(([a], [b]) => a.localeCompare(b)),
    ['faults', faults.length - missed],
    ['kinds of faults', kinds.size],
    ['faults that could not be carried out', missed],
    ['servers', journal.filter(({ type }) => type === 'started').length],
    ['service workers that came to send', journal.filter(({ type }) => type === 'sendOnly').length],
    ['page loads', pages.length],
    ['messages sent', counts.sent],
    ['queued', counts.queued],
    ['refused at send', counts.failed],
    ['effects', counts.applied],
    ['rejected by the handler', counts.rejected],
    ['delivered to pages', counts.delivered],
    ['values', counts.values],
    ['recoveries', counts.recoveries],
    ['announced: resets', counts.resets],
    ['announced: outbox restarts', counts.restarts],
    ['announced: repeats (mayRepeat)', counts.announcedRepeats],
    ['announced: repeats of copied profiles', counts.copiedRepeats],
    ['announced: lost where storage failed', counts.announcedLosses],
    ['discarded at sign-out', counts.discarded],
    ['lost with storage that went back or was emptied', counts.declaredLosses],
    ['told: repeats', counts.toldRepeats],
    ['told: confirmed, and then forgotten by the server', counts.toldLosses],
    ['sent with durable: false', counts.volatileSent],
    ['of these applied', counts.volatileApplied],
    ['clients given up by the server', journal.filter(({ type }) => type === 'gave up').length],
    ['lost', number('lost')],
    ['doubled', number('doubled')],
    ['out of order', number('out of order')],
    ['stuck', number('stuck')],
    ['half done', number('half done')],
    ['untold', number('untold')],
    ['told and not true', number('untrue')],
    ['announced without a reason', number('unfounded')],
    ['otherwise broken', number('broken')],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return [`chaos, seed ${seed}, ${minutes} minutes`, ...rows.map(([name, count]) => `  ${name.padEnd(width)}  ${count}`)].join('\n')
}

/** Of each kind. */
const MOST_SHOWN = 5
const AROUND_MS = 15_000

/** Violations with what is known of the messages concerned and the faults around them. */
export function formatViolations(violations: readonly Violation[], record: RunRecord, startMs: number): string {
  const at = (ms: number): string => (Number.isFinite(ms) ? `${((ms - startMs) / 1_000).toFixed(2)} s` : 'the end')
  const sorted = [...violations].sort((a, b) => a.atMs - b.atMs)
  const shown = sorted.filter((one, place) => sorted.slice(0, place).filter(({ kind }) => kind === one.kind).length < MOST_SHOWN)
  return shown
    .map(({ kind, text, atMs, keys }) => {
      const facts = keys.flatMap((key) => storyOf(key, record)).map(([ms, what]) => `    ${at(ms)} ${what}`)
      const around = record.faults.filter(({ fromMs, toMs }) => toMs >= atMs - AROUND_MS && fromMs <= atMs)
      const lines = around.map(
        (fault: Happened) => `    ${at(fault.fromMs)} to ${at(fault.toMs)} ${fault.where}: ${fault.kind}, ${fault.what}`,
      )
      return [
        `${kind} at ${at(atMs)}: ${text}`,
        ...(facts.length > 0 ? ['  what happened to it', ...facts] : []),
        '  faults',
        ...lines,
      ].join('\n')
    })
    .join('\n\n')
}

function storyOf(key: string, { pages, journal }: RunRecord): readonly (readonly [number, string])[] {
  const [name = '', number = ''] = key.split(':')
  const page = pages.find((log) => log.page === name)
  const told = (page?.events ?? []).flatMap((event): (readonly [number, string])[] =>
    'seq' in event && event.seq === Number(number) ? [[event.atMs, `page: ${JSON.stringify(event)}`]] : [],
  )
  const done = journal.flatMap((row): (readonly [number, string])[] =>
    row.type === 'committed' && row.key === key ? [[row.atMs, `server: ${JSON.stringify(row)}`]] : [],
  )
  return [...told, ...done].sort(([a], [b]) => a - b)
}
