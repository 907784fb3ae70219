/**
 * Prints what all processes have found together.
 *
 * @param {readonly import('./run.ts').Report[]} reports
 * @param {number} elapsedMs
 */
export function printTotals(reports, elapsedMs) {
  const sum = (/** @type {(report: import('./run.ts').Report) => number} */ of) => reports.reduce((total, report) => total + of(report), 0)
  /** @type {Record<string, number>} */
  const counts = {}
  for (const report of reports) for (const [name, times] of Object.entries(report.counts)) counts[name] = (counts[name] ?? 0) + times
  const names = Object.keys(counts).toSorted()
  const isFault = (/** @type {string} */ name) => name.startsWith('fault ')
  const show = (/** @type {string} */ name) => console.log(`  ${name.padEnd(64)} ${String(counts[name]).padStart(10)}`)

  const seeds = sum((report) => report.seeds)
  const busyMs = sum((report) => report.elapsedMs)
  console.log('\nfaults')
  names.filter(isFault).forEach(show)
  console.log('\nwhat came of it')
  names.filter((name) => !isFault(name)).forEach(show)
  const faults = names.filter(isFault)
  const fewest = Math.min(...faults.map((name) => counts[name] ?? 0))
  console.log(`\n${seeds} seeds, ${sum((report) => report.failures.length)} failed`)
  console.log(`${(sum((report) => report.simulatedMs) / 3_600_000).toFixed(1)} simulated hours, ${sum((report) => report.steps)} steps`)
  console.log(
    `${faults.reduce((total, name) => total + (counts[name] ?? 0), 0)} faults of ${faults.length} kinds, each at least ${fewest} times`,
  )
  console.log(`${sum((report) => report.checks)} checks evaluated`)
  console.log(`${((1_000 * seeds) / busyMs).toFixed(1)} seeds a second on each core, ${(elapsedMs / 1_000).toFixed(0)} s in all`)
}
