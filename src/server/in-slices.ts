import type { Clock } from './ports.ts'

/** Things looked at in one turn: few enough that nobody has to wait for it. */
const SLICE = 2_000

/**
 * Goes through many things without holding up anybody: some now, the rest in the turns that follow.
 * @param then is called when all are done
 */
export function inSlices<T>(
  clock: Clock,
  things: readonly T[],
  look: (some: readonly T[]) => void,
  then: () => void = (): void => {},
): void {
  const from = (at: number): void => {
    if (at < things.length || at === 0) look(things.slice(at, at + SLICE))
    if (at + SLICE < things.length) clock.soon(() => from(at + SLICE))
    else then()
  }
  from(0)
}
