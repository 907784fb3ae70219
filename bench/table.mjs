/** @typedef {import('./rows.mjs').Row} Row */

const HEADS = ['', 'Holdfast', 'Socket.IO', 'WebSocket', 'limit', '÷ Socket.IO', '÷ limit', 'goal', '']

/**
 * The rows as text for a terminal.
 *
 * @param {readonly Row[]} rows
 */
export function formatTable(rows) {
  const lines = rows.map((row) => {
    const socketIo = row.peers['socket.io'] ?? null
    return [
      row.id,
      number(row.holdfast, row.unit),
      number(socketIo, row.unit),
      number(row.peers['websocket'] ?? null, row.unit),
      number(row.limit, row.unit),
      ratio(row.holdfast, socketIo),
      ratio(row.holdfast, row.limit),
      goalText(row),
      row.met === null ? '' : row.met ? 'met' : 'MISSED',
    ]
  })
  const table = [HEADS, ...lines]
  const widths = HEADS.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)))
  const text = table.map((line) =>
    line
      .map((cell, column) => (column === 0 || column > 6 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  const notes = rows.map(({ id, title }) => `${id.padEnd(widths[0] ?? 0)}  ${title}`)
  return [...text, '', ...notes].join('\n')
}

/**
 * @param {number | null} value
 * @param {string} unit
 */
function number(value, unit) {
  if (value === null) return '–'
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2
  return `${value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`.trimEnd()
}

/**
 * @param {number | null} value
 * @param {number | null} base
 */
function ratio(value, base) {
  return value === null || !base ? '–' : `${(value / base).toFixed(2)}×`
}

/** @param {Row} row */
function goalText({ goal, unit }) {
  if (!goal) return ''
  const sign = goal.atMost === undefined ? '≥' : '≤'
  const bound = goal.atMost ?? goal.atLeast
  return goal.against === 'value'
    ? `${sign} ${bound} ${unit}`.trimEnd()
    : `${sign} ${bound}× ${goal.against === 'limit' ? 'limit' : 'Socket.IO'}`
}
