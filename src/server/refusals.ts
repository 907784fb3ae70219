import type { Clock } from './ports.ts'
import type { LogEntry } from '../core/ports.ts'

/** Something a client was refused for, said so that whoever set the server up knows what to change. */
export interface Refusal {
  /** Names the kind; from a closed set in the code. */
  readonly kind: string
  /** What is told to the client: one or two sentences. */
  readonly sentence: string
  /** What came: no payload, no credential, no query. */
  readonly came?: string
  readonly expected?: string
  /** The option of the server, or of `connect`, that decides. */
  readonly option?: string
  /** What else may be changed, such as a line of a proxy's configuration. */
  readonly advice?: string
  /** `info` for what belongs to the ordinary life of a server. Default `error`: a developer must look. */
  readonly level?: 'error' | 'info'
}

/** How often the same is told. */
const TOLD_EVERY_MS = 60_000
/** Most lines of one kind in that time: what came may differ each time. */
const LINES_PER_KIND = 10
/** Longest text of a field: what came is a stranger's. */
const MAX_TEXT = 500

/** What was told of a kind since its time began. */
interface Told {
  readonly atMs: number
  readonly texts: Set<string>
  untold: number
}

/**
 * Hands refusals to the log. The same is told once a minute, and ten things of a kind: a flood says no more than that,
 * and who has changed a line and tries again hears at once what is wrong now.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #log: (entry: LogEntry) => void
  readonly #told = new Map<string, Told>()

  constructor(clock: Clock, log: (entry: LogEntry) => void) {
    this.#clock = clock
    this.#log = log
  }

  /** Writes a line, with how many of the kind had none in the time before. */
  tell(refusal: Refusal | undefined): void {
    if (refusal === undefined) return
    const { kind, level = 'error', ...details } = refusal
    const texts = Object.entries(details).map(([name, text]) => [name, text.slice(0, MAX_TEXT)] as const)
    const all = texts.join('\n')
    const untold = this.#take(kind, all)
    if (untold === undefined) return
    this.#log({ level, event: 'refused', kind, ...Object.fromEntries(texts), ...(untold > 0 ? { untold } : {}) })
  }

  /** Whether something has not been told enough: as often as a refusal, for whoever writes a line of another kind. */
  isDue(kind: string, text: string): boolean {
    return this.#take(kind, text) !== undefined
  }

  /** Counts a line of a kind; gives how many had none in the time before, or nothing where this one has none. */
  #take(kind: string, text: string): number | undefined {
    const nowMs = this.#clock.nowMs()
    let told = this.#told.get(kind)
    let untold = 0
    if (told === undefined || nowMs - told.atMs >= TOLD_EVERY_MS) {
      untold = told?.untold ?? 0
      this.#told.set(kind, (told = { atMs: nowMs, texts: new Set(), untold: 0 }))
    }
    if (told.texts.has(text) || told.texts.size >= LINES_PER_KIND) {
      told.untold++
      return undefined
    }
    told.texts.add(text)
    return untold
  }
}

/** What a refused client is told. */
export function textOf({ sentence, advice }: Refusal): string {
  return advice === undefined ? sentence : `${sentence} ${advice}`
}
