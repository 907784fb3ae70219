import { summarize, type Agent, type Agents, type AgentStatus } from './agents.ts'
import { byId, drawing, element, setText } from './element.ts'
import { createKeyedList, type Row } from './keyed-list.ts'

const WORDS: Readonly<Record<AgentStatus, string>> = {
  idle: 'Idle',
  thinking: 'Thinking',
  working: 'Working',
  blocked: 'Blocked',
  done: 'Done',
}
const BAR_WIDTH = 4
const HEIGHT = 20

/** Makes the list of agents. Returns how to show them; `null` until there is something to show. */
export function createAgentsView(): (agents: Agents | null) => void {
  const list = byId('agents')
  const summary = byId('agents-summary')
  const show = createKeyedList<Agent>(list, ({ id }) => id, createCard)
  return (agents) => {
    if (agents === null) return
    list.removeAttribute('aria-busy')
    setText(summary, summarize(agents))
    show(agents)
  }
}

function createCard(agent: Agent): Row<Agent> {
  const status = element('span', { class: 'agent-status' })
  const task = element('p', { class: 'agent-task' })
  const meter = element('span', { class: 'meter', 'aria-hidden': 'true' }, element('span'))
  const { svg, path } = drawing('spark', agent.activity.length * BAR_WIDTH, HEIGHT)
  const node = element(
    'li',
    { class: 'card' },
    element(
      'p',
      { class: 'agent-name' },
      element('span', { class: 'agent-dot', 'aria-hidden': 'true' }),
      element('strong', {}, agent.name),
      element('span', { class: 'agent-role' }, agent.role),
    ),
    status,
    task,
    svg,
    meter,
  )
  return {
    node,
    update({ status: now, task: doing, progress, activity }) {
      node.dataset['status'] = now
      setText(status, now === 'working' ? `${WORDS[now]} ${progress} %` : WORDS[now])
      setText(task, doing)
      meter.style.setProperty('--done', String(progress / 100))
      path.setAttribute('d', bars(activity))
    },
  }
}

/** One upright stroke per digit. */
function bars(activity: string): string {
  return Array.from(activity, (digit, at) => `M${at * BAR_WIDTH + BAR_WIDTH / 2} ${HEIGHT - 1}v${-0.5 - Number(digit) * 1.9}`).join('')
}
