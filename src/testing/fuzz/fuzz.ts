import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSeededRandom, type SeededRandom } from '../seeded-random.ts'

/** What is fuzzed: where inputs come from, and what they are played against. */
export interface Target<Input> {
  readonly title: string
  /** Inputs of an ordinary test run; of a run by hand it is this share of a hundred thousand. */
  readonly inputs: number
  /** The inputs of one session, from the same chance always the same. */
  session(random: SeededRandom): readonly Input[]
  /** Plays a session; throws when something does not hold. */
  play(inputs: readonly Input[]): Promise<void>
  /** The same from a fresh start, to find the shortest input that fails. */
  replay(inputs: readonly Input[]): Promise<void>
  /** Lets what is rightly kept for a time be forgotten, before the heap is looked at. */
  forget?(): Promise<void>
}

const ORDINARY_FRAMES = 100_000
/** Growth of the heap that comes of running at all, such as code that is compiled late, and not of the inputs. */
const MAX_GROWTH_BYTES = 1.25 * 2 ** 20
/** Growth for each input beside that. A leak of one connection per session takes several times as much. */
const MAX_GROWTH_BYTES_PER_INPUT = 32
/** Tries to make a failing session shorter. */
const MAX_TRIES = 300

const { HOLDFAST_FUZZ_FRAMES: frames, HOLDFAST_FUZZ_SEED: givenSeed } = process.env

/** Time for one target: a run by hand may take as long as it likes. */
export const FUZZ_TIMEOUT_MS: number = frames === undefined ? 60_000 : 3_600_000

/**
 * Plays sessions until the inputs are used up, and looks at the heap after a fifth of them and at the end, each time when what is kept for a time has been forgotten: it
 * may not grow with the inputs. A failure names the seed, the session and the shortest inputs that still fail. `HOLDFAST_FUZZ_FRAMES` and `HOLDFAST_FUZZ_SEED` set how
 * many and which; `npm run fuzz -- --frames 1000000 --seed 7` does that.
 */
export async function fuzz<Input>(target: Target<Input>): Promise<void> {
  const seed = Number(givenSeed ?? 1)
  const wanted = Math.round((target.inputs * Number(frames ?? ORDINARY_FRAMES)) / ORDINARY_FRAMES)
  const random = createSeededRandom(seed)
  const startedAt = performance.now()
  let played = 0
  let before = 0
  let playedBefore = 0
  for (let number = 0; played < wanted; number++) {
    const inputs = target.session(random.fork(number))
    try {
      await target.play(inputs)
    } catch (error) {
      throw new Error(await account(target, inputs, `${target.title}: seed ${seed}, session ${number}`), { cause: error })
    }
    played += inputs.length
    // By then everything that is made once is there.
    if (before > 0 || played < wanted / 5) continue
    before = await heapBytes(target)
    playedBefore = played
  }
  const growth = (await heapBytes(target)) - before
  if (frames !== undefined) {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    console.log(
      `${target.title}: seed ${seed}, ${played} inputs in ${seconds} s, heap ${mib(before)} MiB, at the end ${mib(growth)} MiB more`,
    )
  }
  const allowed = MAX_GROWTH_BYTES + MAX_GROWTH_BYTES_PER_INPUT * (played - playedBefore)
  if (growth > allowed) throw new Error(`${target.title}: seed ${seed}: ${mib(growth)} MiB more on the heap than at the beginning`)
}

async function account<Input>(target: Target<Input>, inputs: readonly Input[], where: string): Promise<string> {
  const shortest = await shorten(inputs, (some) =>
    target.replay(some).then(
      () => false,
      () => true,
    ),
  )
  const kind = shortest === null ? 'fails only after the sessions before it' : 'shortest inputs that fail'
  return `${where}; ${kind}:\n${inspect(shortest ?? inputs, { depth: 6, maxStringLength: 2_000, breakLength: 140 })}`
}

/** The inputs without all that can be left out, or `null` when they do not fail by themselves. */
async function shorten<Input>(
  inputs: readonly Input[],
  fails: (inputs: readonly Input[]) => Promise<boolean>,
): Promise<readonly Input[] | null> {
  if (!(await fails(inputs))) return null
  let shortest = inputs
  let tries = 0
  for (let size = Math.ceil(shortest.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < shortest.length && tries < MAX_TRIES; tries++) {
      const fewer = shortest.toSpliced(at, size)
      if (fewer.length > 0 && (await fails(fewer))) shortest = fewer
      else at += size
    }
  }
  return shortest
}

async function heapBytes(target: Pick<Target<never>, 'forget'>): Promise<number> {
  await target.forget?.()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
