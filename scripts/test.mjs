// The whole test: every check and every runner, one after the other. The last line is the sum of their own reports.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { findChromium } from './find-chromium.mjs'
import { findSecrets } from './find-secrets.mjs'
import { readPlaywrightReport, readVitestReport } from './read-report.mjs'
import { runCommand } from './run-command.mjs'

const REPORTS = '.reports'
const vitest = (/** @type {string} */ project) =>
  `vitest run --project ${project} --reporter=default --reporter=json --outputFile.json=${REPORTS}/${project}.json`

/** @type {readonly { name: string, command: string, isShown?: boolean, report?: string, read?: (text: string) => import('./read-report.mjs').Counts }[]} */
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
  { name: 'sim', command: 'node sim/start.mjs --seeds 2000', isShown: true },
  { name: 'sabotage', command: 'node sim/start.mjs --sabotage', isShown: true },
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

const lines = []
let passed = 0
let failed = 0
for (const { name, command, isShown = false, report, read } of stages) {
  if (only.length > 0 && !only.includes(name)) continue
  console.log(`\n── ${name}: ${command}`)
  const startedAt = performance.now()
  const { ok, output } = await runCommand(command, { live: isShown || read !== undefined })
  if (!ok && !isShown && !read) process.stdout.write(output)
  const counts = read && report ? countRun(ok, report, read) : { passed: Number(ok), failed: Number(!ok), skipped: 0 }
  const secrets = findSecrets(output)
  if (secrets.length > 0) console.log(`The output holds what no log may hold:\n${secrets.join('\n')}`)
  failed += secrets.length
  passed += counts.passed
  failed += counts.failed
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  lines.push(
    `${name.padEnd(14)} ${counts.passed} passed, ${counts.failed} failed${counts.skipped ? `, ${counts.skipped} skipped` : ''} (${seconds} s)`,
  )
  console.log(lines.at(-1))
}

console.log(`\n${lines.join('\n')}\n\n${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

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
