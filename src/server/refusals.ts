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

/** How often the same kind is told. */
const TOLD_EVERY_MS = 60_000
/** Longest text of a field: what came is a stranger's. */
const MAX_TEXT = 500

/** Hands refusals to the log, one line per kind and minute: a flood of them says no more than one. */
export class Refusals {
  readonly #clock: Clock
  readonly #log: (entry: LogEntry) => void
  readonly #told = new Map<string, { readonly atMs: number; untold: number }>()

  constructor(clock: Clock, log: (entry: LogEntry) => void) {
    this.#clock = clock
    this.#log = log
  }

  /** Writes a line, with how many of the kind had none since the last one. */
  tell({ kind, sentence, level = 'error', ...details }: Refusal): void {
    const nowMs = this.#clock.nowMs()
    const last = this.#told.get(kind)
    if (last !== undefined && nowMs - last.atMs < TOLD_EVERY_MS) {
      last.untold++
      return
    }
    this.#told.set(kind, { atMs: nowMs, untold: 0 })
    const texts = Object.entries({ sentence, ...details }).map(([name, text]) => [name, text.slice(0, MAX_TEXT)] as const)
    this.#log({ level, event: 'refused', kind, ...Object.fromEntries(texts), ...(last?.untold ? { untold: last.untold } : {}) })
  }
}

/** What a refused client is told. */
export function textOf({ sentence, advice }: Refusal): string {
  return advice === undefined ? sentence : `${sentence} ${advice}`
}
