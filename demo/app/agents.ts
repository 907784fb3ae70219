/** What an agent is doing. */
export type AgentStatus = 'idle' | 'thinking' | 'working' | 'blocked' | 'done'

/** An agent as the server publishes it: always whole, so that hearing the same news twice changes nothing. */
export interface Agent {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly status: AgentStatus
  readonly task: string
  /** How much of the task is done, 0 to 100. */
  readonly progress: number
  /** How busy it was lately, oldest first, one digit each. */
  readonly activity: string
  /** Rises with every change of this agent. */
  readonly revision: number
}

/** All agents, in a fixed order. */
export type Agents = readonly Agent[]

/** Takes in one agent's news. News that a snapshot already held, or that came before, change nothing. */
export function applyAgent(agents: Agents, news: Agent): Agents {
  const at = agents.findIndex(({ id }) => id === news.id)
  const known = agents[at]
  if (known === undefined) return [...agents, news]
  return known.revision >= news.revision ? agents : agents.with(at, news)
}

/** In words, how many agents do what. */
export function summarize(agents: Agents): string {
  const count = (...statuses: readonly AgentStatus[]): number => agents.filter(({ status }) => statuses.includes(status)).length
  const blocked = count('blocked')
  return `${count('working', 'thinking')} busy, ${count('idle', 'done')} free${blocked > 0 ? `, ${blocked} blocked` : ''}`
}
