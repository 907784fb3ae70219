// npm run sim -- --seeds 20000            many simulations, new ones each day
// npm run sim -- --seed 1234              one of them again, with its trace
// npm run sim -- --sabotage [words]       deliberate bugs: each must be caught
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { bundle } from './bundle.mjs'
import { runBundle } from './run-bundle.mjs'
import { SABOTAGES } from './sabotage/sabotages.mjs'
import { printTotals } from './print-totals.mjs'

/** Seeds of one day. */
const SEEDS_A_DAY = 1_000_000
/** Simulations within which a deliberate bug must be caught, unless its entry says otherwise. */
const SABOTAGE_SEEDS = 200

/** Which seed caught which deliberate bug. */
const CAUGHT_BY = new URL('sabotage/caught-by.json', import.meta.url)
/** @type {Record<string, number>} */
const caughtBy = JSON.parse(readFileSync(CAUGHT_BY, 'utf8'))

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    from: { type: 'string' },
    processes: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    sabotage: { type: 'boolean', default: false },
  },
  allowPositionals: true,
  strict: true,
})
const words = process.argv.slice(2).filter((word) => !word.startsWith('--') && !Object.values(values).includes(word))
const today = Math.floor(Date.now() / 86_400_000) * SEEDS_A_DAY

/**
 * @param {string} name
 * @param {string} text
 */
function whole(name, text) {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number, not ${text}`)
  return value
}

async function replay(/** @type {number} */ seed) {
  const { report, lines } = await runBundle(await bundle(), seed, 1, 'trace')
  console.log(lines.join('\n'))
  const [failure] = report.failures
  console.log(failure ? `\nseed ${seed} breaks ${failure.message}` : `\nseed ${seed} passes ${report.checks} checks`)
  return report.failures.length
}

async function many(/** @type {number} */ from, /** @type {number} */ count) {
  const script = await bundle()
  const processes = Math.max(1, Math.min(whole('processes', values.processes), count))
  console.log(`${count} seeds from ${from} on, in ${processes} processes`)
  const share = Math.ceil(count / processes)
  const shares = Array.from({ length: processes }, (_, at) => Math.min(share, count - at * share)).filter((size) => size > 0)
  const startedAt = performance.now()
  const runs = await Promise.all(shares.map((size, at) => runBundle(script, from + at * share, size, 'all')))
  const reports = runs.map(({ report }) => report)
  printTotals(reports, performance.now() - startedAt)
  const failures = reports.flatMap((report) => report.failures)
  for (const { seed, message, trace } of failures.slice(0, 3)) console.log(`\n${trace.join('\n')}\nseed ${seed} breaks ${message}`)
  for (const { seed, message } of failures) console.log(`failed: seed ${seed}: ${message.slice(0, 200)}`)
  return failures.length
}

/**
 * The seed that caught a bug last is tried first: most bugs are rare, and looking for the seed again costs more than
 * all else.
 *
 * @param {string} script
 * @param {string} name of the bug
 * @param {number} seeds
 */
async function firstFailure(script, name, seeds) {
  const last = caughtBy[name]
  const again = last === undefined ? undefined : (await runBundle(script, last, 1, 'all')).report.failures[0]
  return again ?? (await runBundle(script, 0, seeds, 'until-caught')).report.failures[0]
}

async function sabotage() {
  let missed = 0
  const honest = await bundle()
  const chosen = SABOTAGES.filter(({ name }) => words.every((word) => name.includes(word)))
  const left = [...chosen]
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift()) {
      const { number, name, edits, seeds = SABOTAGE_SEEDS } = next
      const failure = await firstFailure(await bundle(edits), name, seeds)
      // A seed that fails without the bug has caught nothing.
      const isFalse = failure !== undefined && (await runBundle(honest, failure.seed, 1, 'all')).report.failures.length > 0
      if (!failure || isFalse) missed++
      else caughtBy[name] = failure.seed
      const result = failure
        ? `${isFalse ? 'NOT caught, and it fails without the bug too:' : 'caught'} by seed ${failure.seed}: ${failure.message.slice(0, 110)}`
        : `NOT caught in ${seeds} seeds`
      console.log(`${String(number ?? '').padStart(3)} ${name}: ${result}`)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, whole('processes', values.processes)) }, work))
  console.log(`${chosen.length - missed} of ${chosen.length} caught`)
  rememberCaught()
  return missed
}

/** Kept with the sources, so that a clean checkout knows them too. In CI no file is changed. */
function rememberCaught() {
  if (process.env['CI'] !== undefined) return
  const known = SABOTAGES.flatMap(({ name }) => (caughtBy[name] === undefined ? [] : [[name, caughtBy[name]]]))
  writeFileSync(CAUGHT_BY, `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`)
}

const failed =
  values.seed !== undefined
    ? await replay(whole('seed', values.seed))
    : values.sabotage
      ? await sabotage()
      : await many(values.from === undefined ? today : whole('from', values.from), whole('seeds', values.seeds))
process.exit(failed === 0 ? 0 : 1)
