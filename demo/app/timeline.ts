/** What kind of thing happened; decides the mark beside it. */
export type HappeningKind = 'good' | 'calm' | 'warn' | 'bad' | 'fault'

/** Something that happened. */
export interface Happening {
  readonly id: number
  readonly atMs: number
  readonly kind: HappeningKind
  readonly text: string
  /** How often in a row. */
  readonly times: number
}

const MAX_HAPPENINGS = 100

/** Adds what happened, newest first. The same again right after is counted, not repeated. */
export function addHappening(timeline: readonly Happening[], kind: HappeningKind, text: string, atMs: number): readonly Happening[] {
  const [newest, ...older] = timeline
  if (newest?.text === text && newest.kind === kind) return [{ ...newest, atMs, times: newest.times + 1 }, ...older]
  return [{ id: (newest?.id ?? 0) + 1, atMs, kind, text, times: 1 }, ...timeline].slice(0, MAX_HAPPENINGS)
}
