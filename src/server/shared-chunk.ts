import type { Frame } from './ports.ts'
import type { Cursor } from '../protocol/index.ts'

/** A chunk of the log as receivers take it: those at the same place share text, end place and frames. */
export interface SharedChunk {
  readonly after: number
  readonly upTo: number
  readonly body: string
  readonly bytes: number
  readonly count: number
  /** The place of a receiver that has taken the chunk. */
  readonly end: Cursor
  /** Frames with this chunk alone, by subscription number. */
  readonly frames: Map<number, Frame>
}
