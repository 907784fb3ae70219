import { connect, type ConnectionState, type SentMessage } from 'holdfast'
import { applyAgent, type Agent, type Agents } from './app/agents.ts'
import { countOf, RESET_WORDS, restartLine, wordsFor } from './app/connection-words.ts'
import { applyEntry, linesOf, type Conversation, type Draft, type Entry, type Own } from './app/conversation.ts'
import { byId, setText } from './app/element.ts'
import { connectFaults, currentNetwork, type NetworkFault } from './app/faults.ts'
import { loadPeople } from './app/identity.ts'
import { exactTimeOfDay } from './app/relative-time.ts'
import { createAgentsView } from './app/render-agents.ts'
import { createBreakItView, PRESSED } from './app/render-break-it.ts'
import { createConversationView } from './app/render-conversation.ts'
import { createStatusView } from './app/render-status.ts'
import { createTimelineView } from './app/render-timeline.ts'
import { makeSectionsFoldable } from './app/sections.ts'
import { createSignInView } from './app/sign-in.ts'
import { watchTabs, type TabNumber } from './app/tab-number.ts'
import { offerUpdates } from './app/update.ts'
import { addHappening, type Happening, type HappeningKind } from './app/timeline.ts'

const people = loadPeople()
const [person] = people
const connection = connect({
  url: './live',
  hub: ({ name }) =>
    new SharedWorker(new URL('./hub.ts', import.meta.url), { type: 'module', name, extendedLifetime: true } as WorkerOptions),
  user: person.id,
  // The demo has no passwords: whoever says who they are is believed.
  token: () => person.id,
  // So that nobody waits half a minute for the demo to come back.
  reconnect: { maxDelayMs: 10_000 },
})
const agentsChannel = connection.channel<Agents, Agent>('agents')
const conversationChannel = connection.channel<Conversation, Entry>('conversation')

// Everything the page shows. Whatever happens changes it and calls `paint`.
const own = new Map<string, Own>()
const mayRepeat = new Set<string>()
let agents: Agents | null = null
let conversation: Conversation | null = null
let timeline: readonly Happening[] = []
let tabs: TabNumber = { number: 1, open: 1 }
let network: NetworkFault = 'heal'
let lastStatus: ConnectionState['status'] = 'connecting'
/** Since when there may be newer data; `null` while there is not. */
let asOfMs: number | null = null

const faults = connectFaults({
  pressed(what) {
    if (what === 'heal' || what === 'cut' || what === 'blackhole' || what === 'slow') network = what
    happened('fault', PRESSED[what])
  },
  failed: (error) => happened('bad', `The demo’s server does not answer: ${String(error)}`),
})
const showStatus = createStatusView(() => connection.retryNow())
const showAgents = createAgentsView()
const showConversation = createConversationView(person, {
  send(text) {
    const draft: Draft = { author: { ...person, tab: tabs.number }, text }
    follow(conversationChannel.send(draft), draft)
  },
  retry(id) {
    const parked = connection.outbox.current.parked.find((entry) => entry.id === id)
    if (parked) follow(connection.outbox.retry(id), parked.data as Draft)
  },
  discard(id) {
    connection.outbox.discard(id).catch((error: unknown) => happened('bad', String(error)))
  },
})
const showBreakIt = createBreakItView(faults)
const showTimeline = createTimelineView()
makeSectionsFoldable()
createSignInView(connection, people, (error) => happened('bad', `Nobody was signed out: ${error.message}`))

let isPainting = false
/** Shows everything once the current batch of news is through. */
function paint(): void {
  if (isPainting) return
  isPainting = true
  queueMicrotask(() => {
    isPainting = false
    showStatus(connection.state.current, tabs.open)
    showAgents(agents)
    showConversation(conversation && linesOf(conversation, connection.outbox.current, own.values(), person.id, mayRepeat))
    showBreakIt(network)
    showTimeline(timeline)
    showAge()
  })
}

function showAge(): void {
  document.body.toggleAttribute('data-stale', asOfMs !== null)
  for (const note of [byId('agents-note'), byId('conversation-note')]) {
    note.hidden = asOfMs === null || agents === null
    if (asOfMs !== null) setText(note, `As of ${exactTimeOfDay(asOfMs)}`)
  }
}

function happened(kind: HappeningKind, text: string): void {
  timeline = addHappening(timeline, kind, text, Date.now())
  paint()
}

/** Shows a message of this tab until the server has said it. */
function follow(sent: SentMessage, draft: Draft): void {
  const { id } = sent
  const show = (reason?: string): void => {
    own.set(id, { id, draft, atMs: own.get(id)?.atMs ?? Date.now(), fate: sent.fate, ...(reason !== undefined && { reason }) })
    paint()
  }
  show()
  sent.subscribe(() => own.has(id) && show())
  sent.queued.catch((error: Error) => show(error.message))
  sent.applied.then(
    () => happened('good', 'Your message was applied'),
    (error: Error) => {
      happened('bad', `Your message was not applied: ${error.message}`)
      // From here on the outbox holds it.
      if (sent.fate !== 'failed') own.delete(id)
    },
  )
}

function stateChanged(): void {
  const state = connection.state.current
  const { status } = state
  if (status === 'connected') asOfMs = null
  else asOfMs ??= Date.now()
  if (status !== lastStatus) {
    const { label, tone } = wordsFor(state)
    if (status === 'connecting' && lastStatus === 'connected') happened('warn', 'Connection lost')
    else if (status !== 'connecting' && status !== 'recovering') happened(tone, label)
    lastStatus = status
  }
  paint()
}

connection.state.subscribe(stateChanged)
connection.outbox.subscribe(paint)
connection.on('error', (error) => happened('bad', error.message))
connection.on('outboxRestarted', ({ reason, mayRepeat: repeated, mayBeLost }) => {
  for (const id of repeated) mayRepeat.add(id)
  happened('warn', restartLine(reason, repeated.length, mayBeLost.length))
})

agentsChannel.subscribe({
  snapshot(value, { asOf, stale }) {
    agents = value
    if (stale) asOfMs = asOf
    paint()
  },
  message({ data }) {
    agents = applyAgent(agents ?? [], data)
    paint()
  },
  reset: ({ reason }) => happened('warn', `Agents start afresh: ${RESET_WORDS[reason]}`),
  recovered: (count) => count > 0 && happened('good', `Agents: ${countOf(count, 'missed message')} recovered`),
})

conversationChannel.subscribe({
  snapshot(value) {
    conversation = value
    // Told as applied, and not in the value: the server has lost it, or has let it go.
    for (const { id, fate } of own.values()) if (fate === 'applied') own.delete(id)
    paint()
  },
  message({ data, origin }) {
    conversation = applyEntry(conversation ?? [], data)
    if (origin !== undefined) own.delete(origin)
    paint()
  },
  reset: ({ reason }) => happened('warn', `Conversation starts afresh: ${RESET_WORDS[reason]}`),
  recovered: (count) => count > 0 && happened('good', `Conversation: ${countOf(count, 'missed message')} recovered`),
})

watchTabs((now) => {
  tabs = now
  paint()
})
currentNetwork().then(
  (now) => {
    network = now
    paint()
  },
  (error: unknown) => happened('bad', String(error)),
)
offerUpdates(connection)
happened('calm', 'This tab opened')
