import type { OutboxEntry } from './ports.ts'
import type { ConnectionState, StateFacts } from './public-state.ts'
import type { CoreState } from './state.ts'

const pendingByEntries = new WeakMap<readonly OutboxEntry[], number>()

/** How many messages are neither confirmed nor ended. Counted once per list. */
export function countPending({ outbox }: CoreState): number {
  let count = pendingByEntries.get(outbox.entries)
  if (count === undefined) {
    count = outbox.entries.reduce((sum, entry) => sum + (entry.skip ? 0 : 1), 0)
    pendingByEntries.set(outbox.entries, count)
  }
  return count
}

/**
 * What the connection is doing, in the words of the app. The only place that decides it.
 * @param pending given by a caller that only wants the rest: counting takes time in a full outbox
 */
export function publicState(
  state: CoreState,
  host: Pick<StateFacts, 'durable' | 'shared'>,
  pending: number = countPending(state),
): ConnectionState {
  const facts: StateFacts = { ...host, pending }
  const { phase } = state
  switch (phase.name) {
    case 'waiting': {
      const { name: status, ...why } = phase
      return { ...facts, status, attempt: state.attempt, ...why }
    }
    case 'refused':
      return { ...facts, status: 'refused', reason: phase.reason }
    case 'live': {
      let recovered = 0
      let missed = 0
      let open = 0
      for (const channel of state.channels.values()) {
        recovered += channel.recovered
        missed += channel.missed
        // One whose value cannot be had says so to its own subscribers, and holds up nothing else.
        if (channel.stage !== 'live' && channel.stage !== 'refused' && channel.failures === 0) open++
      }
      return open === 0 ? { ...facts, status: 'connected' } : { ...facts, status: 'recovering', recovered, missed }
    }
    default:
      return { ...facts, status: 'connecting' }
  }
}
