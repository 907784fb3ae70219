import { describe, expect, it } from 'vitest'
import { applyAgent, summarize, type Agent, type Agents } from './agents.ts'

const agent = (id: string, revision: number, change: Partial<Agent> = {}): Agent => ({
  id,
  name: id,
  role: '',
  status: 'idle',
  task: '',
  progress: 0,
  activity: '',
  revision,
  ...change,
})

describe('agents', () => {
  const start: Agents = [agent('a', 3), agent('b', 1)]

  it('news replace the agent in its place', () => {
    const next = agent('a', 4, { status: 'working' })
    expect(applyAgent(start, next)).toEqual([next, agent('b', 1)])
  })

  it('the same news twice, and news that a snapshot already held, change nothing', () => {
    const once = applyAgent(start, agent('b', 2, { task: 'new' }))
    expect(applyAgent(once, agent('b', 2, { task: 'new' }))).toBe(once)
    expect(applyAgent(start, agent('a', 2, { task: 'old' }))).toBe(start)
  })

  it('an agent nobody has heard of comes last', () => {
    expect(applyAgent(start, agent('c', 1)).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  })

  it('the summary counts every agent once', () => {
    const statuses = ['idle', 'thinking', 'working', 'blocked', 'done'] as const
    expect(summarize(statuses.map((status) => agent(status, 1, { status })))).toBe('2 busy, 2 free, 1 blocked')
    expect(summarize(start)).toBe('0 busy, 2 free')
  })
})
