import { simulate } from './simulate.ts'
import { Totals } from './check/totals.ts'
import { Violation } from './check/violation.ts'

/** What one process of the simulator says in the end. */
export interface Report {
  readonly seeds: number
  readonly failures: readonly {
    readonly seed: number
    readonly rule: string
    readonly message: string
    readonly trace: readonly string[]
  }[]
  readonly simulatedMs: number
  readonly steps: number
  readonly checks: number
  readonly elapsedMs: number
  readonly counts: Readonly<Record<string, number>>
}

/** Lines of a trace that a failure shows. */
const SHOWN_LINES = 80

// Errors are made by the thousand, and nobody reads where.
Error.stackTraceLimit = 0

const unhandled: string[] = []
process.on('unhandledRejection', (error) => {
  if (!(error instanceof Violation)) unhandled.push(String(error))
})

const [from = '0', count = '1', mode = ''] = process.argv.slice(2)
const totals = new Totals()
const failures: Report['failures'][number][] = []
let seed = Number(from)
let simulatedMs = 0
let steps = 0
let checks = 0
const startedMs = performance.now()

/** One simulation in a turn of its own: not in the module's, which is a microtask itself, and so that rejections nobody handled are noticed. */
function next(): void {
  const isOver = seed >= Number(from) + Number(count) || (mode === 'until-caught' && failures.length > 0)
  if (isOver) return finish()
  const outcome = simulate(seed, mode === 'trace')
  simulatedMs += outcome.simulatedMs
  steps += outcome.steps
  checks += outcome.checks
  totals.add(outcome.counts)
  if (mode === 'trace') process.stdout.write(`${outcome.trace.join('\n')}\n`)
  if (outcome.violation) failures.push({ seed, ...outcome.violation, trace: outcome.trace.slice(-SHOWN_LINES) })
  const here = seed++
  setImmediate(() => {
    for (const error of unhandled.splice(0)) failures.push({ seed: here, rule: 'I29', message: `unhandled: ${error}`, trace: [] })
    next()
  })
}

function finish(): void {
  const elapsedMs = performance.now() - startedMs
  const seeds = seed - Number(from)
  const report: Report = { seeds, failures, simulatedMs, steps, checks, elapsedMs, counts: totals.counts }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

setImmediate(next)
