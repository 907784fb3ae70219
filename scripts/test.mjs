// The whole test: every check and every runner. The last line is the sum of their own reports.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { findChromium } from './find-chromium.mjs'
import { findSecrets } from './find-secrets.mjs'
import { readPlaywrightReport, readVitestReport } from './read-report.mjs'
import { runCommand } from './run-command.mjs'

const REPORTS = '.reports'
const vitest = (/** @type {string} */ project) =>
  `vitest run --project ${project} --reporter=default --reporter=json --outputFile.json=${REPORTS}/${project}.json`

/**
 * `isShown`: what it prints is shown. `report`: where its runner reports, for `read`. `isBeside`: only computes, so it takes what the stages
 * that drive browsers leave of the machine while they wait.
 *
 * @typedef {{ name: string, command: string, isShown?: boolean, isBeside?: boolean, report?: string, read?: (text: string) => import('./read-report.mjs').Counts }} Stage
 */

/** @type {readonly Stage[]} */
const stages = [
  { name: 'lint', command: 'oxlint --type-aware --deny-warnings' },
  { name: 'format', command: 'oxfmt --check' },
  { name: 'types', command: 'node scripts/types.mjs' },
  { name: 'unused', command: 'knip' },
  { name: 'build', command: 'tsdown --logLevel warn' },
  { name: 'publint', command: 'publint --strict' },
  { name: 'package types', command: 'attw --pack --profile esm-only --no-emoji' },
  { name: 'size', command: 'size-limit' },
  { name: 'unit', command: vitest('unit'), report: `${REPORTS}/unit.json`, read: readVitestReport },
  // New seeds every day; the first line says which.
  { name: 'sim', command: 'node sim/start.mjs --seeds 2000', isShown: true, isBeside: true },
  { name: 'sabotage', command: 'node sim/start.mjs --sabotage', isShown: true, isBeside: true },
  { name: 'browser', command: vitest('browser'), report: `${REPORTS}/browser.json`, read: readVitestReport },
  { name: 'chaos', command: 'node chaos/start.mjs --minutes 1 --seed 1', isShown: true },
  // The third, WebKitGTK, by hand: `npm run test:engines`.
  { name: 'engines', command: 'node engines/start.mjs chromium firefox', report: `${REPORTS}/engines.json`, read: readVitestReport },
  { name: 'e2e', command: 'playwright test', report: `${REPORTS}/e2e.json`, read: readPlaywrightReport },
]

const only = process.argv.slice(2)
const unknown = only.filter((name) => !stages.some((stage) => stage.name === name))
if (unknown.length > 0)
  throw new Error(`No stage is called ${unknown.join(', ')}; the stages are ${stages.map(({ name }) => name).join(', ')}.`)

rmSync(REPORTS, { recursive: true, force: true })
mkdirSync(REPORTS)
process.env['HOLDFAST_CHROMIUM'] = findChromium()

const wanted = stages.filter(({ name }) => only.length === 0 || only.includes(name))
/** @type {Map<Stage, string>} */
const lines = new Map()
let passed = 0
let failed = 0
const firstBeside = wanted.findIndex(({ isBeside }) => isBeside)
const [before, after] = firstBeside < 0 ? [wanted, []] : [wanted.slice(0, firstBeside), wanted.slice(firstBeside)]
await runAll(before)
await Promise.all([runAll(after.filter(({ isBeside }) => isBeside)), runAll(after.filter(({ isBeside }) => !isBeside))])

console.log(`\n${wanted.map((stage) => lines.get(stage)).join('\n')}\n\n${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

/**
 * One after the other.
 *
 * @param {readonly Stage[]} some
 */
async function runAll(some) {
  for (const stage of some) await run(stage)
}

/** @param {Stage} stage */
async function run(stage) {
  const { name, command, isShown = false, isBeside = false, report, read } = stage
  if (!isBeside) console.log(`\n── ${name}: ${command}`)
  const startedAt = performance.now()
  const { ok, output } = await runCommand(command, { isLive: (isShown || read !== undefined) && !isBeside, isIdle: isBeside })
  if (isBeside) console.log(`\n── ${name}: ${command}`)
  if (isBeside || (!ok && !isShown && !read)) process.stdout.write(output)
  const counts = read && report ? countRun(ok, report, read) : { passed: Number(ok), failed: Number(!ok), skipped: 0 }
  const secrets = findSecrets(output)
  if (secrets.length > 0) console.log(`The output holds what no log may hold:\n${secrets.join('\n')}`)
  passed += counts.passed
  failed += counts.failed + secrets.length
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const skipped = counts.skipped ? `, ${counts.skipped} skipped` : ''
  lines.set(stage, `${name.padEnd(14)} ${counts.passed} passed, ${counts.failed} failed${skipped} (${seconds} s)`)
  console.log(lines.get(stage))
}

/**
 * What a runner's report says. A runner that fails without a failed test, or runs nothing, counts as one failure.
 *
 * @param {boolean} ok
 * @param {string} report
 * @param {(text: string) => import('./read-report.mjs').Counts} read
 */
function countRun(ok, report, read) {
  try {
    const counts = read(readFileSync(report, 'utf8'))
    const silent = counts.failed === 0 && (!ok || counts.passed === 0)
    return silent ? { ...counts, failed: 1 } : counts
  } catch (error) {
    console.log('No report could be read:', error)
    return { passed: 0, failed: 1, skipped: 0 }
  }
}
