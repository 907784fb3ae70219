// The demo's agents: made-up work that never ends.

/**
 * @typedef {import('../app/agents.ts').Agent} Agent
 * @typedef {import('holdfast/testing').SeededRandom} SeededRandom
 */

const ACTIVITY_LENGTH = 18

/** @type {readonly (readonly [name: string, role: string, tasks: readonly string[]])[]} */
const CREW = [
  ['Atlas', 'planner', ['Split the launch into steps', 'Reorder the backlog', 'Plan the next sprint']],
  ['Scout', 'research', ['Read 14 papers on backoff', 'Compare queue engines', 'Collect field reports']],
  ['Quill', 'writer', ['Draft the release notes', 'Rewrite the quick start', 'Shorten the error texts']],
  ['Forge', 'builder', ['Build for arm64', 'Bump the lockfile', 'Bisect a slow start']],
  ['Prism', 'design', ['Tune the dark palette', 'Redraw the icons', 'Check contrast']],
  ['Beacon', 'monitor', ['Watch the error budget', 'Trace a latency spike', 'Rotate the dashboards']],
  ['Ledger', 'billing', ['Reconcile invoices', 'Match refunds', 'Close the month']],
  ['Relay', 'support', ['Answer ticket 4127', 'Sort the inbox', 'Reproduce a report']],
]

/**
 * Eight agents. `step()` lets one of them get on with its work and returns its news.
 *
 * @param {SeededRandom} random
 */
export function createCrew(random) {
  /** @type {Agent[]} */
  const agents = CREW.map(([name, role, tasks], at) => {
    const status =
      /** @type {const} */ (['working', 'thinking', 'working', 'idle', 'working', 'blocked', 'thinking', 'working'])[at] ?? 'idle'
    const activity = Array.from({ length: ACTIVITY_LENGTH }, () => busyness(status, random)).join('')
    const progress = status === 'working' ? random.integer(5, 80) : 0
    return {
      id: name.toLowerCase(),
      name,
      role,
      status,
      task: status === 'idle' ? 'Waiting for work' : pick(tasks, random),
      progress,
      activity,
      revision: 1,
    }
  })
  return {
    /** @returns {readonly Agent[]} */
    all: () => agents,
    /** @returns {Agent} */
    step() {
      const at = random.integer(0, agents.length - 1)
      const agent = /** @type {Agent} */ (agents[at])
      const next = { ...agent, ...change(agent, CREW[at]?.[2] ?? [], random) }
      next.activity = agent.activity.slice(1) + busyness(next.status, random)
      next.revision = agent.revision + 1
      agents[at] = next
      return next
    },
  }
}

/**
 * @param {Agent} agent
 * @param {readonly string[]} tasks
 * @param {SeededRandom} random
 * @returns {Pick<Agent, 'status' | 'task' | 'progress'>}
 */
function change({ status, task, progress }, tasks, random) {
  const luck = random.next()
  switch (status) {
    case 'idle':
      return luck < 0.6 ? { status: 'thinking', task: pick(tasks, random), progress: 0 } : { status, task, progress }
    case 'thinking':
      return luck < 0.5 ? { status: 'working', task, progress: random.integer(3, 12) } : { status, task, progress }
    case 'working': {
      if (luck < 0.06) return { status: 'blocked', task, progress }
      const done = Math.min(100, progress + random.integer(6, 18))
      return done === 100 ? { status: 'done', task, progress: done } : { status, task, progress: done }
    }
    case 'blocked':
      return luck < 0.4 ? { status: 'working', task, progress } : { status, task, progress }
    case 'done':
      return { status: 'idle', task: 'Waiting for work', progress: 0 }
  }
}

/**
 * @param {Agent['status']} status
 * @param {SeededRandom} random
 */
function busyness(status, random) {
  const [least, most] = { idle: [0, 1], thinking: [2, 6], working: [4, 9], blocked: [0, 2], done: [1, 3] }[status]
  return String(random.integer(least ?? 0, most ?? 0))
}

/**
 * @param {readonly string[]} items
 * @param {SeededRandom} random
 */
export function pick(items, random) {
  return items[random.integer(0, items.length - 1)] ?? ''
}
