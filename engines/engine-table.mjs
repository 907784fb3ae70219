/** @typedef {{ ancestorTitles: string[], title: string, status: string, meta?: { seen?: Record<string, string | boolean> } }} Assertion */

const BEGIN = '<!-- engines: begin, written by `npm run test:engines` -->'
const END = '<!-- engines: end -->'

/**
 * What the runs in several engines gave, as a markdown table: a column per engine; first what each has, then which scenario passed.
 *
 * @param {string} report vitest's JSON report
 */
export function engineTable(report) {
  /** @type {Assertion[]} */
  const results = JSON.parse(report).testResults.flatMap((/** @type {{ assertionResults: Assertion[] }} */ file) => file.assertionResults)
  const engines = [...new Set(results.map(engineOf))]
  /** @type {Map<string, Map<string, string>>} */
  const rows = new Map()
  const put = (/** @type {string} */ row, /** @type {string} */ engine, /** @type {string} */ cell) => {
    rows.set(row, (rows.get(row) ?? new Map()).set(engine, cell))
  }
  for (const result of results) {
    for (const [name, value] of Object.entries(result.meta?.seen ?? {})) put(name, engineOf(result), cellOf(value))
  }
  for (const result of results)
    put(sentence(result.title), engineOf(result), result.status === 'passed' ? 'passed' : `**${result.status}**`)
  const versions = rows.get('version')
  rows.delete('version')
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(' | ')} |`
  return [
    line(['', ...engines.map((engine) => versions?.get(engine) ?? engine)]),
    line(['---', ...engines.map(() => '---')]),
    ...[...rows].map(([name, cells]) => line([name, ...engines.map((engine) => cells.get(engine) ?? '–')])),
  ].join('\n')
}

/**
 * A document with the table in the place that is marked for it; unchanged when it has none.
 *
 * @param {string} text
 * @param {string} table
 */
export function withTable(text, table) {
  const from = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (from < 0 || to < from) return text
  return `${text.slice(0, from + BEGIN.length)}\n\n${table}\n\n${text.slice(to)}`
}

/** @param {Assertion} result */
const engineOf = ({ ancestorTitles: [engine = ''] }) => engine

/** @param {string | boolean} value */
const cellOf = (value) => (typeof value === 'string' ? value : value ? 'yes' : 'no')

/**
 * A title without its rules.
 *
 * @param {string} title
 */
const sentence = (title) => title.replace(/^(\[\w+\] )+/, '')
