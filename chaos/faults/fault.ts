import type { SeededRandom } from 'holdfast/testing'

/** Something that goes wrong for a while. When `run` has ended, the cause is gone again. */
export interface Fault<Target> {
  readonly kind: string
  /** How often it is drawn compared with others. @defaultValue 1 */
  readonly weight?: number
  /** Gives what was done, for the timeline. */
  readonly run: (target: Target, random: SeededRandom) => Promise<string>
}

/** One entry of a run's timeline. */
export interface Happened {
  readonly kind: string
  /** The target: `network a`, `server`, `browser b`. */
  readonly where: string
  readonly fromMs: number
  toMs: number
  what: string
}
