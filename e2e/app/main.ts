import { connect, type Connection, type ConnectOptions, type ConnectionState, type SentMessage } from 'holdfast'
import { registerServiceWorker } from 'holdfast/sw/register'

/** Something that happened in this tab, in the order it happened. */
export type ProbeEvent =
  | { readonly type: 'state'; readonly state: ConnectionState; readonly atMs: number }
  | { readonly type: 'snapshot'; readonly channel: string; readonly value: readonly string[]; readonly stale: boolean }
  | { readonly type: 'message'; readonly channel: string; readonly data: string; readonly origin?: string; readonly atMs: number }
  | { readonly type: 'reset'; readonly channel: string; readonly reason: string }
  | { readonly type: 'recovered'; readonly channel: string; readonly missed: number }
  | { readonly type: 'refused'; readonly channel: string; readonly code: string }
  | {
      readonly type: 'restart'
      readonly atMs: number
      readonly reason: string
      readonly mayRepeat: readonly string[]
      readonly mayBeLost: readonly string[]
    }
  | { readonly type: 'lost'; readonly requeued: number; readonly mayRepeat: readonly string[] }
  | { readonly type: 'error'; readonly code: string; readonly message: string }

/** A tab as the tests drive it. */
export interface Probe {
  readonly events: ProbeEvent[]
  /** What an app would show: the snapshot and every message since that is not in it. */
  readonly views: Record<string, string[]>
  /** What `open` made. */
  readonly connection: Connection
  open(options: ConnectOptions): void
  /** Registers the service worker for this connection; resolves when it has this page. */
  serve(): Promise<void>
  scope(): Promise<string>
  subscribe(channel: string): void
  /** Sends strings and gives the message ids at once. */
  send(channel: string, ...data: string[]): string[]
  /** Resolves when all of these are queued. */
  queued(ids: readonly string[]): Promise<void>
  fates(): Record<string, string>
  state(): ConnectionState
  retryNow(): void
  close(): void
}

const events: ProbeEvent[] = []
const views: Record<string, string[]> = {}
const sent = new Map<string, SentMessage>()
let connection: Connection | undefined

function current(): Connection {
  if (!connection) throw new Error('open first')
  return connection
}

const probe: Probe = {
  events,
  views,
  get connection() {
    return current()
  },
  open(options) {
    // The page's address says on which rung the tests run.
    const isElected = new URLSearchParams(location.search).get('shared') === 'false'
    connection = connect({ ...(isElected ? { shared: false } : {}), ...options })
    const { state } = connection
    events.push({ type: 'state', state: state.current, atMs: Date.now() })
    state.subscribe(() => events.push({ type: 'state', state: state.current, atMs: Date.now() }))
    connection.on('outboxRestarted', ({ atMs, reason, mayRepeat, mayBeLost }) => {
      events.push({ type: 'restart', atMs, reason, mayRepeat, mayBeLost })
    })
    connection.on('storageLost', ({ requeued, mayRepeat }) => events.push({ type: 'lost', requeued, mayRepeat }))
    connection.on('error', ({ code, message }) => events.push({ type: 'error', code, message }))
  },
  async serve() {
    registerServiceWorker('./sw.js', {
      connection: current(),
      failed: ({ code, message }) => events.push({ type: 'error', code, message }),
    })
    const { serviceWorker } = navigator
    await new Promise<void>((resolve) => {
      const look = (): void => void (serviceWorker.controller?.state === 'activated' && resolve())
      serviceWorker.addEventListener('controllerchange', () => serviceWorker.controller?.addEventListener('statechange', look))
      serviceWorker.addEventListener('controllerchange', look)
      look()
    })
  },
  scope: () => current().scope(),
  subscribe(channel) {
    const view = (views[channel] ??= [])
    current()
      .channel<string[] | undefined, string>(channel)
      .subscribe({
        snapshot(value, { stale }) {
          view.splice(0, view.length, ...(value ?? []))
          events.push({ type: 'snapshot', channel, value: value ?? [], stale })
        },
        message({ data, origin }) {
          if (!view.includes(data)) view.push(data)
          events.push({ type: 'message', channel, data, ...(origin === undefined ? {} : { origin }), atMs: Date.now() })
        },
        reset: ({ reason }) => events.push({ type: 'reset', channel, reason }),
        recovered: (missed) => events.push({ type: 'recovered', channel, missed }),
        refused: ({ code }) => events.push({ type: 'refused', channel, code }),
      })
  },
  send(channel, ...data) {
    return data.map((text) => {
      const message = current().channel<string[], string>(channel).send(text)
      sent.set(message.id, message)
      return message.id
    })
  },
  async queued(ids) {
    await Promise.all(ids.map(async (id) => sent.get(id)?.queued))
  },
  fates: () => Object.fromEntries([...sent].map(([id, message]) => [id, message.fate])),
  state: () => current().state.current,
  retryNow: () => current().retryNow(),
  close: () => current().close(),
}

declare global {
  interface Window {
    readonly probe: Probe
  }
}

Object.assign(window, { probe })
