// A tab of the app under test: sends what the desk asks it to send, and tells the desk all it was told itself. An event leaves its memory only when the
// desk has it, so a page that lives loses none.
import { setPageClock, trueNowMs } from './page-clock.ts'
import { connect, type Channel } from 'holdfast'
import { registerServiceWorker } from 'holdfast/sw/register'
import { CHANNELS, RECONNECT } from '../scene.ts'
import type { ChaosMessage, ChaosValue, PageEvent, PageOrder, PageReport, SendOrder } from './page-event.ts'

type Happening = PageEvent extends infer Event ? (Event extends PageEvent ? Omit<Event, 'atMs'> : never) : never

const REPORT_MS = 150
/** When a page that listens late begins to. */
const LATE_MS = 4_000
const MOST_EVENTS = 5_000
const query = new URLSearchParams(location.search)
const tab = query.get('tab') ?? ''
const user = query.get('user') ?? ''
setPageClock(Number(query.get('clock') ?? 0))
const page = `${tab}.${crypto.randomUUID().slice(0, 8)}`

let events: PageEvent[] = []
let reported = 0
let seq = 0
let open = 0
const tell = (event: Happening): void => void events.push({ ...event, atMs: trueNowMs() })
const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error)

/** Many apps send something as they are left; what comes behind it may be a reload, the back-forward cache, or the end. */
const farewell = (): void => {
  send({ channel: 'board', count: 2 })
  send({ channel: 'board', count: 3, volatile: true })
}
addEventListener('pagehide', farewell)
document.addEventListener('freeze', farewell)

const connection = connect({
  url: query.get('live') ?? '',
  user,
  token: () => user,
  reconnect: RECONNECT,
  hiddenDelayMs: 1_000,
  build: query.get('build') ?? '',
  shared: query.get('shared') !== 'false',
})
/** Not every page of an app cares for what may be repeated or lost, and some learn to only when they have loaded more of it. */
const listen = (): void => {
  connection.on('outboxRestarted', ({ reason, mayRepeat, mayBeLost, older }) => {
    tell({ type: 'restart', reason, mayRepeat, mayBeLost, older })
    reportAtOnce()
  })
  connection.on('storageLost', ({ requeued, mayRepeat, older }) => {
    tell({ type: 'storageLost', requeued, mayRepeat, older })
    reportAtOnce()
  })
}
if (query.get('listens') === 'now') listen()
if (query.get('listens') === 'late') setTimeout(listen, LATE_MS)
connection.on('error', ({ code, message }) => tell({ type: 'error', code, message }))
let isLeft = false
registerServiceWorker('./sw.js', {
  connection,
  type: 'module',
  failed: ({ code, message }) => tell({ type: 'error', code, message }),
  // Told first: nobody accepts a new version here.
  reload() {
    tell({ type: 'reload' })
    isLeft = true
  },
})
/** The answer to a sign-out has the browser forget the site, as many do. */
let isToClear = false
connection.on('signedOut', () => {
  tell({ type: 'signedOut' })
  if (!isToClear) return void (isLeft = true)
  void fetch('/clear')
    .then(() => tell({ type: 'cleared' }))
    .finally(() => (isLeft = true))
})
let durable: boolean | null = null
let shown = ''
const watchState = (): void => {
  const { status, durable: next } = connection.state.current
  if (status !== shown) tell({ type: 'status', status })
  shown = status
  if (status === 'connecting' || next === null || next === durable) return
  durable = next
  tell({ type: 'durable', durable })
}
connection.state.subscribe(watchState)

const channels = new Map<string, Channel<ChaosValue, { readonly name: string }>>(
  CHANNELS.map((name) => [name, connection.channel<ChaosValue, { readonly name: string }>(name)]),
)
channels.set('@user', connection.user)
for (const [channel, source] of channels) {
  source.subscribe({
    snapshot: ({ rows }, { stale }) => tell({ type: 'snapshot', channel, rows, stale }),
    message({ data }) {
      const last = events.at(-1)
      if (last?.type === 'messages' && last.channel === channel && last !== posted) (last.names as string[]).push(data.name)
      else tell({ type: 'messages', channel, names: [data.name] })
    },
    reset: ({ reason }) => tell({ type: 'reset', channel, reason }),
    recovered: (count) => tell({ type: 'recovered', channel, count }),
    refused: ({ code }) => tell({ type: 'refused', channel, code }),
  })
}

function send({ channel, count, volatile = false }: SendOrder): void {
  for (let at = 0; at < count; at++) {
    const mine = ++seq
    const message: ChaosMessage = { key: `${page}:${mine}`, reject: mine % 40 === 0, personal: mine % 5 === 0 }
    const { id, queued, applied } = channels.get(channel)?.send(message, { durable: !volatile }) ?? {}
    if (!id || !queued || !applied) throw new Error(`no channel ${channel}`)
    tell({ type: 'sent', seq: mine, id, ...(volatile ? { volatile } : {}) })
    if (!volatile) open++
    let isQueued = false
    queued.then(
      () => {
        isQueued = true
        tell({ type: 'queued', seq: mine })
      },
      (error: unknown) => tell({ type: 'failed', seq: mine, code: codeOf(error) }),
    )
    // Nobody answers those.
    if (volatile) continue
    applied.then(
      () => {
        open--
        tell({ type: 'applied', seq: mine })
      },
      (error: unknown) => {
        open--
        // Applied, and too long ago for the reply.
        if (codeOf(error) === 'reply-lost') tell({ type: 'applied', seq: mine })
        else if (isQueued) tell({ type: 'ended', seq: mine, code: codeOf(error) })
      },
    )
  }
}

/** The newest event that is on its way to the desk: nothing may be added to it. */
let posted: PageEvent | undefined

function reportOf(batch: readonly PageEvent[]): string {
  const { status, pending } = connection.state.current
  return JSON.stringify({ tab, user, page, from: reported, events: batch, facts: { status, pending, open } } satisfies PageReport)
}

/** Once a listener has returned, nobody else is told: the desk must have it by then, whatever becomes of this page. It gets it again with the next report. */
function reportAtOnce(): void {
  const request = new XMLHttpRequest()
  request.open('POST', '/told', false)
  request.send(reportOf(events))
}

async function report(): Promise<void> {
  const batch = events.slice(0, MOST_EVENTS)
  posted = batch.at(-1) ?? posted
  const response = await fetch('/report', { method: 'POST', body: reportOf(batch), signal: AbortSignal.timeout(10_000) })
  if (!response.ok) throw new Error(`the desk said ${response.status}`)
  events = events.slice(batch.length)
  reported += batch.length
  for (const order of (await response.json()) as PageOrder[]) {
    if (typeof order === 'object') {
      if ('clockMs' in order) setPageClock(order.clockMs)
      else send(order)
      continue
    }
    isToClear = order === 'sign out and clear the site'
    void connection.signOut().catch(() => {})
  }
  // Begins anew, as every app does.
  if (isLeft && events.length === 0) location.reload()
}

for (;;) {
  await report().catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, REPORT_MS))
}
