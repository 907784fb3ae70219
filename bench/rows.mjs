import { DELIVERY_IDS } from './measures/delivery.mjs'
import { OUTBOX_IDS } from './measures/outbox.mjs'
import { median } from './statistics.mjs'

/** @typedef {{ against: 'socket.io' | 'limit' | 'value', atMost?: number, atLeast?: number }} Goal */
/** @typedef {{ id: string, unit: string, title: string, goal?: Goal }} RowPlan */
/**
 * @typedef {{
 *   id: string, unit: string, title: string, holdfast: number | null, peers: Record<string, number | null>, limit: number | null,
 *   goal: Goal | null, met: boolean | null, samples: Record<string, readonly number[]>, serverCpu: Record<string, number | null>
 * }} Row
 */

/** @type {readonly RowPlan[]} */
export const PLANS = [
  {
    id: 'burst.ms',
    unit: 'ms',
    title: '5,000 messages at once to 10 tabs, until all have all',
    goal: { against: 'socket.io', atMost: 0.15 },
  },
  { id: 'burst.cpu', unit: 'µs', title: 'browser CPU per message of it', goal: { against: 'socket.io', atMost: 0.15 } },
  {
    id: 'paced.p50',
    unit: 'ms',
    title: '100 a second to 10 visible tabs, publish to handler',
    goal: { against: 'socket.io', atMost: 0.9 },
  },
  { id: 'paced.p99', unit: 'ms', title: 'the same, slowest hundredth', goal: { against: 'socket.io', atMost: 1 } },
  { id: 'paced.cpu', unit: 'ms', title: 'browser CPU per message of it', goal: { against: 'socket.io', atMost: 0.8 } },
  { id: 'hidden.cpu', unit: 'ms', title: 'the same with 9 of the 10 tabs hidden', goal: { against: 'socket.io', atMost: 0.35 } },
  { id: 'enqueue.single', unit: '/s', title: 'durable sends, one after the other', goal: { against: 'limit', atLeast: 0.7 } },
  { id: 'enqueue.group', unit: '/s', title: 'durable sends, 1,000 at once', goal: { against: 'limit', atLeast: 0.6 } },
  { id: 'flush.ms', unit: 'ms', title: '10,000 queued messages, until all are acknowledged', goal: { against: 'limit', atMost: 3 } },
  { id: 'size.page', unit: 'kB', title: 'page script, minified and compressed', goal: { against: 'value', atMost: 6 } },
  { id: 'size.hub', unit: 'kB', title: 'hub script, minified and compressed', goal: { against: 'value', atMost: 16 } },
  { id: 'sockets.tabs20', unit: '', title: 'sockets on the server for 20 tabs', goal: { against: 'value', atMost: 1 } },
]

/** Which of the rows have a bare limit: the contender that shows it. */
const LIMITS = new Map([
  ...DELIVERY_IDS.map((id) => /** @type {const} */ ([id, 'port'])),
  ...OUTBOX_IDS.map((id) => /** @type {const} */ ([id, 'raw-outbox'])),
])
const NO_PEERS = new Set(OUTBOX_IDS)

/**
 * Makes a row of all rounds: medians, never merged samples.
 *
 * @param {RowPlan} plan
 * @param {Map<string, readonly Record<string, number | null>[]>} rounds What each contender gave, round by round.
 * @returns {Row}
 */
export function makeRow({ id, unit, title, goal }, rounds) {
  /** @type {Row['samples']} */
  const samples = {}
  /** @type {Row['serverCpu']} */
  const serverCpu = {}
  for (const [contender, all] of rounds) {
    const values = all.flatMap((round) => round[id] ?? [])
    if (values.length > 0) samples[contender] = values
    const used = all.flatMap((round) => round[`${id}.server`] ?? [])
    if (used.length > 0) serverCpu[contender] = median(used)
  }
  const middle = (/** @type {string} */ contender) => (samples[contender] ? median(samples[contender]) : null)
  const limit = middle(LIMITS.get(id) ?? '')
  const holdfast = middle('holdfast')
  const peers = NO_PEERS.has(id) ? {} : { 'socket.io': middle('socket.io'), websocket: middle('websocket') }
  const row = { id, unit, title, holdfast, peers, limit, goal: goal ?? null, samples, serverCpu }
  return { ...row, met: isMet(row) }
}

/** @param {Omit<Row, 'met'>} row */
function isMet({ goal, holdfast, peers, limit }) {
  if (!goal || holdfast === null) return null
  const base = goal.against === 'value' ? 1 : goal.against === 'limit' ? limit : peers['socket.io']
  if (!base) return null
  const ratio = holdfast / base
  return ratio <= (goal.atMost ?? Infinity) && ratio >= (goal.atLeast ?? 0)
}
