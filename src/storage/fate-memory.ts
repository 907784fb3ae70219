import type { Fate, TakenCount } from '../core/ports.ts'
import type { Id } from '../protocol/messages.ts'

/** How long a fate is remembered in full, its reply included, at least; unless there are too many. */
export const FATES_KEPT_MS = 600_000

/** Most fates that are remembered in full. */
export const MAX_FATES = 100_000

/** Most text of replies and reasons in them, in UTF-16 units. */
export const MAX_FATE_UNITS: number = 16 * 2 ** 20

/** Most ids of which only the end is remembered; some 23 bytes each. */
export const MAX_ENDED = 200_000

/** How much is remembered: this much by every store, and by some of the simulator's less. */
export interface MemoryBounds {
  readonly maxFates: number
  readonly maxFateUnits: number
  readonly maxEnded: number
}

/** What stores remember. */
export const MEMORY_BOUNDS: MemoryBounds = { maxFates: MAX_FATES, maxFateUnits: MAX_FATE_UNITS, maxEnded: MAX_ENDED }

/** Ids that share a row at most: one is rewritten when more are added to it. */
const MAX_ROW_IDS = 4_096

const ID_LENGTH = 22

/** What is left of the bounds when too much is packed away, so that it is not done for every message. */
const EASED = 7 / 8

/** What a memory has taken, and up to where it may have forgotten some of that. */
export interface MemoryHead extends TakenCount {
  /** Nothing that was taken after this many is forgotten. */
  readonly forgottenThrough: number
  /** The last row of fates whose messages were named as ones that may be lost; absent before any was. */
  readonly namedRow?: number
}

/** Fates that were recorded together, all of ids that were among the first `taken`. */
export interface FatesRow {
  /** Counts the rows, oldest first. */
  readonly row: number
  /** By the store's time. */
  readonly atMs: number
  readonly taken: number
  readonly fates: readonly Fate[]
}

/** Ends of messages without what was said about them, all of ids that were among the first `taken`. */
export interface EndedRow {
  readonly row: number
  readonly taken: number
  /** The ids in a row, without anything between them. */
  readonly ids: string
  /** One letter for each: see {@link END_LETTERS}. */
  readonly ends: string
}

/**
 * What tells a repeat from a new message: the ends of earlier ones, in full at first, later only that they ended and
 * how. In the order of their recording.
 */
export interface FateMemory {
  head: MemoryHead
  readonly bounds: MemoryBounds
  /** Those that are remembered in full. */
  readonly fates: Map<Id, Fate>
  /** The same as they were recorded, oldest first. */
  readonly rows: FatesRow[]
  /** UTF-16 units of text in `fates`. */
  units: number
  ended: readonly EndedRow[]
}

/** Fates that are being recorded, and what makes room for them. */
export interface Recording {
  readonly row: FatesRow
  readonly packing: Packing | null
}

/** Rows of fates that are replaced by their ends, and ends that are forgotten. */
export interface Packing {
  /** The last row of fates that is replaced. */
  readonly throughRow: number
  /** Rows of ends to write; the first may continue the last one there was. */
  readonly written: readonly EndedRow[]
  /** The last row of ends that is forgotten; 0 when none is. */
  readonly forgottenRow: number
  readonly forgottenThrough: number
}

/** A memory that has taken nothing. */
export function emptyMemory(memory: Id): FateMemory {
  return { head: { memory, taken: 0, forgottenThrough: 0 }, bounds: MEMORY_BOUNDS, fates: new Map(), rows: [], units: 0, ended: [] }
}

/** The memory that stored rows stand for. */
export function memoryOf(head: MemoryHead, rows: FatesRow[], ended: readonly EndedRow[]): FateMemory {
  const memory: FateMemory = { head, bounds: MEMORY_BOUNDS, fates: new Map(), rows, units: 0, ended }
  for (const { fates } of rows) keep(memory, fates)
  return memory
}

/** What the memory has taken so far. */
export function takenBy({ head: { memory, taken } }: FateMemory): TakenCount {
  return { memory, taken }
}

/** Whether everything that was taken after `since` is held or remembered. */
export function reaches({ head }: FateMemory, since: TakenCount): boolean {
  return since.memory === head.memory && since.taken <= head.taken && head.forgottenThrough <= since.taken
}

/**
 * What is remembered of these ids. None of them was among the first `from` that were taken: only later ends are read
 * through.
 */
export function rememberedFates({ fates, ended }: FateMemory, ids: Iterable<Id>, from: number = -1): Map<Id, Fate> {
  const found = new Map<Id, Fate>()
  const wanted = new Set<Id>()
  for (const id of ids) {
    const fate = fates.get(id)
    if (fate) found.set(id, fate)
    else wanted.add(id)
  }
  for (let at = ended.length - 1; at >= 0 && wanted.size > 0; at--) {
    const row = ended[at]
    if (!row || row.taken <= from) break
    for (let place = 0; place < row.ends.length; place++) {
      const id = row.ids.slice(place * ID_LENGTH, (place + 1) * ID_LENGTH)
      if (wanted.delete(id)) found.set(id, fateOfEnd(id, row.ends[place] ?? ''))
    }
  }
  return found
}

/**
 * What was confirmed lately, as far as it is remembered in full, and was not named as what may be lost before: each is
 * named once, in whatever order clocks put it.
 */
export function unnamedApplied({ rows, head }: FateMemory, nowMs: number): Id[] {
  const recent = rows.filter(({ row, atMs }) => row > (head.namedRow ?? 0) && atMs > nowMs - FATES_KEPT_MS)
  return recent.flatMap(({ fates }) => fates.flatMap(({ id, fate }) => (fate === 'applied' ? [id] : [])))
}

/** The head of a memory of which everything that was confirmed has been named. */
export function allNamed({ head, rows }: FateMemory): MemoryHead {
  return { ...head, namedRow: rows.at(-1)?.row ?? 0 }
}

/** How to record fates now: none of them was remembered before. */
export function planRecording(memory: FateMemory, fates: readonly Fate[], nowMs: number): Recording {
  const { rows, head } = memory
  const units = fates.reduce((sum, fate) => sum + unitsOf(fate), 0)
  const row = { row: (rows.at(-1)?.row ?? 0) + 1, atMs: nowMs, taken: head.taken, fates }
  const count = rowsToPack(memory, fates.length, units, nowMs)
  return { row, packing: count > 0 ? planPacking(memory, rows.slice(0, count)) : null }
}

/** Takes a recording over that is durable. */
export function applyRecording(memory: FateMemory, { row, packing }: Recording): void {
  if (packing) {
    const kept = memory.rows.findIndex(({ row: number }) => number > packing.throughRow)
    for (const { fates } of memory.rows.splice(0, kept < 0 ? Infinity : kept)) for (const { id } of fates) forget(memory, id)
    const first = packing.written[0]?.row ?? Infinity
    memory.ended = [...memory.ended.filter((one) => one.row > packing.forgottenRow && one.row < first), ...packing.written]
    memory.head = { ...memory.head, forgottenThrough: packing.forgottenThrough }
  }
  memory.rows.push(row)
  keep(memory, row.fates)
}

function keep(memory: FateMemory, fates: readonly Fate[]): void {
  for (const fate of fates) {
    memory.fates.set(fate.id, fate)
    memory.units += unitsOf(fate)
  }
}

function forget(memory: FateMemory, id: Id): void {
  const known = memory.fates.get(id)
  if (known) memory.units -= unitsOf(known)
  memory.fates.delete(id)
}

/**
 * Seldom more than none: all that are old enough once the oldest is twice as old, or as many as bring the memory well
 * within its bounds.
 */
function rowsToPack({ rows, fates, units, bounds }: FateMemory, added: number, addedUnits: number, nowMs: number): number {
  const { maxFates, maxFateUnits } = bounds
  const isTooMuch = fates.size + added > maxFates || units + addedUnits > maxFateUnits
  const isOld = (row: FatesRow | undefined, ageMs: number): boolean => row !== undefined && nowMs - row.atMs >= ageMs
  if (!isTooMuch && !isOld(rows[0], 2 * FATES_KEPT_MS)) return 0
  let count = 0
  let leftFates = fates.size + added
  let leftUnits = units + addedUnits
  for (const row of rows) {
    const isWithin = leftFates <= maxFates * EASED && leftUnits <= maxFateUnits * EASED
    if (!isOld(row, FATES_KEPT_MS) && (!isTooMuch || isWithin)) break
    count++
    leftFates -= row.fates.length
    for (const fate of row.fates) leftUnits -= unitsOf(fate)
  }
  return count
}

function planPacking({ ended, head, bounds }: FateMemory, rows: readonly FatesRow[]): Packing {
  const written = packed(ended.at(-1), rows)
  const first = written[0]?.row ?? 0
  const all = [...ended.filter((one) => one.row < first), ...written]
  let count = all.reduce((sum, { ends }) => sum + ends.length, 0)
  let forgottenRow = 0
  let { forgottenThrough } = head
  for (const { row, ends, taken } of all) {
    if (count <= bounds.maxEnded) break
    count -= ends.length
    forgottenRow = row
    forgottenThrough = taken
  }
  return { throughRow: rows.at(-1)?.row ?? 0, written, forgottenRow, forgottenThrough }
}

/** The ends of the fates, continuing the last row where there is room in it. */
function packed(last: EndedRow | undefined, rows: readonly FatesRow[]): EndedRow[] {
  const written: EndedRow[] = []
  const isFull = !last || last.ends.length >= MAX_ROW_IDS
  let open: EndedRow = isFull ? { row: (last?.row ?? 0) + 1, taken: 0, ids: '', ends: '' } : last
  for (const { fates, taken } of rows) {
    for (let from = 0; from < fates.length;) {
      const some = fates.slice(from, from + MAX_ROW_IDS - open.ends.length)
      from += some.length
      const [ids, ends] = [some.map(({ id }) => id).join(''), some.map(letterOf).join('')]
      open = { row: open.row, taken, ids: open.ids + ids, ends: open.ends + ends }
      if (open.ends.length < MAX_ROW_IDS) continue
      written.push(open)
      open = { row: open.row + 1, taken: 0, ids: '', ends: '' }
    }
  }
  return open.ends.length > 0 ? [...written, open] : written
}

function unitsOf(fate: Fate): number {
  return fate.fate === 'applied' ? (fate.replyJson?.length ?? 0) : fate.fate === 'rejected' ? fate.message.length : 0
}

/** Why the server or this side rejected a message, by letter. */
const REASONS = { r: 'rejected', f: 'failed', u: 'unpublishable', o: 'forbidden', l: 'too-large', m: 'may-repeat' } as const

/**
 * The letters of an end: the reasons of a rejection, applied without a reply, with the reply `null`, or with one that
 * is forgotten, expired, cancelled.
 */
export const END_LETTERS: string = `${Object.keys(REASONS).join('')}anpxc`

function letterOf(fate: Fate): string {
  if (fate.fate === 'rejected') return Object.entries(REASONS).find(([, reason]) => reason === fate.reason)?.[0] ?? 'r'
  if (fate.fate !== 'applied') return fate.fate === 'expired' ? 'x' : 'c'
  if (fate.replyLost) return 'p'
  return fate.replyJson === undefined ? 'a' : fate.replyJson === 'null' ? 'n' : 'p'
}

function fateOfEnd(id: Id, letter: string): Fate {
  if (letter === 'a') return { id, fate: 'applied' }
  if (letter === 'n') return { id, fate: 'applied', replyJson: 'null' }
  if (letter === 'p') return { id, fate: 'applied', replyLost: 'forgotten' }
  if (letter === 'x' || letter === 'c') return { id, fate: letter === 'x' ? 'expired' : 'cancelled' }
  const reason = REASONS[letter as keyof typeof REASONS]
  return { id, fate: 'rejected', reason, message: 'what was said about it is no longer known' }
}
