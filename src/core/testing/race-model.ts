import fc from 'fast-check'
import { expect } from 'vitest'

/** Waits until the scheduler picks this task among all that could happen now. */
export type Schedule = (label: string) => Promise<void>

/** What a race is run on. */
export interface RaceWorld {
  /** What was found wrong so far; anything in it ends the run. */
  readonly violations: string[]
  /** Adds to {@link RaceWorld.violations} what does not hold now. Called after every step and every scheduled task. */
  check(): void
  /** Ends all faults, lets time pass, and adds what does not hold in the end. `idle` runs everything that is scheduled. */
  heal(idle: () => Promise<void>): Promise<void>
}

/** One thing that may happen at any time. */
export type Step<World> = fc.AsyncCommand<object, World>

/** Names a step for the report of a failing run. */
export function step<World>(name: string, run: (world: World) => void): Step<World> {
  return {
    check: () => true,
    run: (_model, world) => {
      run(world)
      return Promise.resolve()
    },
    toString: () => name,
  }
}

/** A step that takes a number, the more often the greater its weight. */
export function steps<World>(weight: number, name: string, run: (world: World, choice: number) => void): fc.Arbitrary<Step<World>>[] {
  const arbitrary = fc.nat(7).map((choice) => step<World>(`${name} ${choice}`, (world) => run(world, choice)))
  return Array.from({ length: weight }, () => arbitrary)
}

/** Lets time pass in small steps, with everything that is scheduled done before and after each. */
export async function pass(idle: () => Promise<void>, clock: { advance(ms: number): void }, seconds: number): Promise<void> {
  for (let at = 0; at < seconds; at += 3) {
    await idle()
    clock.advance(3_000)
  }
  await idle()
}

/**
 * Lets the scheduler of fast-check choose, over and over, what happens next: a step, or one of the tasks that are under way. Seed and path of a failing run
 * are printed. HOLDFAST_RUNS multiplies the runs.
 */
export async function race<World extends RaceWorld>(
  runs: number,
  anySteps: readonly fc.Arbitrary<Step<World>>[],
  make: (schedule: Schedule, options: number) => World,
  maxCommands: number = 40,
): Promise<void> {
  const { process } = globalThis as { readonly process?: { readonly env: Readonly<Record<string, string | undefined>> } }
  const seed = process?.env['HOLDFAST_SEED'] ?? '1'
  let world: World | null = null
  const check = (): void => {
    world?.check()
    expect(world?.violations ?? []).toEqual([])
  }
  const act = async (task: () => Promise<void>): Promise<void> => {
    await task()
    check()
  }
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler({ act }),
      fc.nat(15),
      fc.commands([...anySteps], { maxCommands, size: 'max' }),
      async (scheduler, options, commands) => {
        const real = (world = make((label) => scheduler.schedule(Promise.resolve(), label), options))
        await fc.scheduledModelRun(scheduler, () => ({ model: {}, real }), commands)
        await real.heal(() => scheduler.waitIdle())
        check()
      },
    ),
    { numRuns: runs * Number(process?.env['HOLDFAST_RUNS'] ?? 1), ...(seed === 'any' ? {} : { seed: Number(seed) }) },
  )
}
