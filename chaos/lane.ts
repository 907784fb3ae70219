import { setTimeout as sleep } from 'node:timers/promises'
import type { SeededRandom } from 'holdfast/testing'
import type { Fault, Happened } from './faults/fault.ts'

/** Does things to one target, one after the other. */
export interface Lane {
  /** Begins nothing more after `untilMs`; resolves when the last fault has ended. */
  run(untilMs: number): Promise<void>
}

const SHORTEST_PAUSE_MS = 300
const LONGEST_PAUSE_MS = 2_500

/** Draws from a shuffled deck, so that every kind has its turn; `repair` runs after each. */
export function createLane<Target>(
  where: string,
  target: Target,
  faults: readonly Fault<Target>[],
  random: SeededRandom,
  timeline: Happened[],
  repair: () => Promise<void> = async () => {},
): Lane {
  let deck: Fault<Target>[] = []
  let drawn = 0

  const draw = (): Fault<Target> => {
    if (deck.length === 0)
      deck = shuffled(
        faults.flatMap((fault) => Array.from({ length: fault.weight ?? 1 }, () => fault)),
        random,
      )
    const fault = deck.pop()
    if (!fault) throw new Error(`no faults for ${where}`)
    return fault
  }

  return {
    async run(untilMs) {
      for (;;) {
        await sleep(random.integer(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS))
        if (Date.now() >= untilMs) return
        const fault = draw()
        const happened: Happened = { kind: fault.kind, where, fromMs: Date.now(), toMs: Infinity, what: '' }
        timeline.push(happened)
        try {
          happened.what = await fault.run(target, random.fork(++drawn))
        } catch (error) {
          // A browser under fire does not always do what it is told; what counts is that it is well again afterwards.
          happened.what = `not carried out: ${error instanceof Error ? error.message : String(error)}`
        }
        await repair()
        happened.toMs = Date.now()
      }
    },
  }
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const rest = [...items]
  const result: T[] = []
  while (rest.length > 0) result.push(...rest.splice(random.integer(0, rest.length - 1), 1))
  return result
}
