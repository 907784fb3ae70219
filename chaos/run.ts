import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createSeededRandom } from 'holdfast/testing'
import { checkDownward } from './check/downward.ts'
import { checkLedger } from './check/ledger.ts'
import { checkTelling } from './check/telling.ts'
import { checkUpward } from './check/upward.ts'
import { checkVolatile } from './check/volatile.ts'
import { converge } from './converge.ts'
import type { Happened } from './faults/fault.ts'
import { hearOut } from './hear-out.ts'
import { readJournal } from './journal.ts'
import { createLanes } from './lanes.ts'
import { publishedNames, type RunRecord } from './record.ts'
import { openStage } from './stage.ts'
import { formatResult, formatViolations } from './table.ts'
import { makeTraffic } from './traffic.ts'

/** Faults come for so long, then everybody must get well. */
const ROUND_MS = 20_000
const USERS = { a: 'anna', b: 'ben' }

/** What a run is asked for. */
interface Asked {
  readonly minutes: number
  readonly seed: number
  /** Texts, one of which the kind of a fault must hold; all kinds when there are none. */
  readonly only: readonly string[]
  /** File for the whole record. */
  readonly keep: string | undefined
}

/** Runs the programs that were built into `folder`. Gives the exit code. */
export async function run(args: string[], folder: string): Promise<number> {
  const { minutes, seed, only, keep } = readArguments(args)
  const startMs = Date.now()
  const random = createSeededRandom(seed)
  const place = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'))
  const journal = (): RunRecord['journal'] => readJournal(join(place, 'journal'))
  const faults: Happened[] = []
  const wellMs: number[] = []
  const stage = await openStage(folder, place, Object.values(USERS), random)
  const { desk, server, losses, violations, profiles } = stage
  const record = (): RunRecord => ({ journal: journal(), pages: [...desk.pages.values()], faults, losses, wellMs })

  try {
    const stored = [await stage.openProfile('a', USERS.a), await stage.openProfile('b', USERS.b)]
    const lanes = createLanes(server, stored, random, faults, only)
    const endMs = startMs + minutes * 60_000
    for (let round = 1; Date.now() < endMs && !violations.some(({ kind }) => kind === 'stuck'); round++) {
      let isOver = false
      const traffic = makeTraffic(desk, server, stage.busyTabs, random.fork(100 + round), () => isOver)
      const untilMs = Math.min(endMs, Date.now() + ROUND_MS)
      await Promise.all(lanes.map((lane) => lane.run(untilMs)))
      isOver = true
      await traffic
      // A tab may have crashed after the last fault had ended.
      for (const profile of profiles) await profile.repair()
      const healMs = Date.now()
      violations.push(...(await converge(desk, stage.tabs, () => publishedNames(journal()))))
      wellMs.push(Date.now())
      const untold = await hearOut(profiles, record)
      const seconds = ((Date.now() - healMs) / 1_000).toFixed(1)
      console.log(`round ${round}: ${faults.length} faults so far, well again and heard out after ${seconds} s, ${untold.length} untold`)
    }
  } finally {
    await stage.close()
  }

  const all = record()
  const checks = [checkUpward(all), checkDownward(all), checkTelling(all), checkVolatile(all)] as const
  violations.push(...checks.flatMap((check) => check.violations), ...checkLedger(all))
  const [up, down, telling, volatile] = checks
  const counts = { ...up.counts, ...down.counts, ...telling.counts, ...volatile.counts }
  if (keep !== undefined) await writeFile(keep, JSON.stringify({ startMs, ...all }))
  await rm(place, { recursive: true, force: true, maxRetries: 5 })
  if (violations.length > 0) console.log(`\nseed ${seed}\n\n${formatViolations(violations, all, startMs)}\n`)
  console.log(`\n${formatResult(seed, minutes, all, counts, violations)}`)
  return violations.length === 0 ? 0 : 1
}

function readArguments(args: string[]): Asked {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', multiple: true, default: [] },
      keep: { type: 'string' },
    },
  })
  const minutes = Number(values.minutes)
  const seed = Number(values.seed)
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes takes a number, --seed a whole number.')
  return { minutes, seed, only: values.only, keep: values.keep }
}
