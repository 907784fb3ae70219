import type { Delivery, OutboxRestart, TabSignal } from '../bridge/contract.ts'
import type { ConnectionState } from '../core/public-state.ts'
import { isChannelName } from '../protocol/decode.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Channel } from './channel.ts'
import { askCredential } from './credential.ts'
import type { HubLink, LinkOwner } from './hub-link.ts'
import { createListeners, type Listeners } from './listeners.ts'
import { createLiveValue, type LiveValue } from './live-value.ts'
import type { CheckedOptions } from './options.ts'
import { EMPTY_OUTBOX, outboxContents, type Outbox, type OutboxContents } from './outbox.ts'
import type { PageEvent, Platform } from './platform.ts'
import { createSender } from './sender.ts'
import { createSubscriptions } from './subscriptions.ts'

/** What a connection tells besides its values. */
export interface ConnectionEvents {
  /** Client and server disagreed about what was sent: these messages may be repeated or lost. */
  readonly outboxRestarted: OutboxRestart
  /** Something failed that no call could tell. Without a listener it goes to the browser's console. */
  readonly error: HoldfastError
}

/** One durable connection, shared by all tabs. */
export interface Connection {
  /** What the connection is doing. */
  readonly state: LiveValue<ConnectionState>
  /** What the server sends to this user alone. */
  readonly user: Channel
  /** What waits to be sent or decided about. */
  readonly outbox: Outbox
  /** The channel `name`; the same name gives the same object. @throws HoldfastError `invalid-option` for a reserved name (`@…`) or one that is none. */
  channel<Value = unknown, Event = unknown>(name: string): Channel<Value, Event>
  /** Calls `listener` whenever it happens. @returns how to stop; an aborted `signal` does the same. */
  on<Name extends keyof ConnectionEvents>(
    name: Name,
    listener: (event: ConnectionEvents[Name]) => void,
    options?: ListenOptions,
  ): () => void
  /** Tries now: cuts a wait short, and ends a refusal. */
  retryNow(): void
  /**
   * Detaches this tab, once it was called as often as `connect` gave this connection. Other tabs and the outbox go on; what this tab still waits for
   * is rejected with `closed`.
   */
  close(): void
}

/** How to listen. */
export interface ListenOptions {
  readonly signal?: AbortSignal
}

/** A connection seen from the page that holds it. */
export interface PageConnection extends Connection {
  /** Attaches for the first time. */
  start(): void
  /** Something happened to the page. */
  page(event: PageEvent): void
}

/** What a connection needs of the page it is made for. */
export interface ConnectionHost extends Pick<Platform, 'clock' | 'newId' | 'report' | 'isVisible'> {
  createLink(owner: LinkOwner): HubLink
  /** A holder is done with the connection; whether it was the last one. */
  release(): boolean
  /** The connection has ended. */
  ended(): void
}

/** Makes the connection of one scope in this tab. */
export function createConnection({ settings, token }: CheckedOptions, host: ConnectionHost): PageConnection {
  const { report } = host
  const state = createLiveValue<ConnectionState>({ status: 'connecting', pending: 0, durable: false, shared: true }, report)
  let watchesOutbox = false
  let introduced = { visible: false, watchesOutbox }
  const outbox = createLiveValue<OutboxContents>(EMPTY_OUTBOX, report, (on) => {
    watchesOutbox = on
    signal(on ? 'watch-outbox' : 'unwatch-outbox')
  })
  const events: { readonly [Name in keyof ConnectionEvents]: Listeners<[ConnectionEvents[Name]]> } = {
    outboxRestarted: createListeners(report),
    error: createListeners(report),
  }
  const channels = new Map<string, Channel>()
  let isOver = false

  const link = host.createLink({
    api: {
      deliver(batch) {
        if (!isOver) take(batch)
        return Promise.resolve(null)
      },
      credential: () => askCredential(token, fail),
    },
    introduce() {
      introduced = { visible: host.isVisible(), watchesOutbox }
      return {
        ...introduced,
        settings,
        canAuthenticate: token !== undefined,
        channels: subscriptions.restate(),
        offers: sender.outgoing.offers(),
        unsettled: sender.outgoing.unsettled(),
      }
    },
    attached(hub) {
      // What changed while the hub was being asked.
      if (host.isVisible() !== introduced.visible) signal(host.isVisible() ? 'visible' : 'hidden')
      if (watchesOutbox !== introduced.watchesOutbox) signal(watchesOutbox ? 'watch-outbox' : 'unwatch-outbox')
      subscriptions.attached()
      sender.outgoing.attached(hub)
    },
    detached(lost) {
      subscriptions.detached()
      sender.outgoing.detached()
      if (lost) setStatus({ status: 'connecting' })
    },
    failed: fail,
    refused(data) {
      const error = HoldfastError.from(data)
      fail(error)
      if (data.code === 'version') setStatus({ status: 'refused', reason: 'version' })
      else end(error)
    },
  })
  const sender = createSender(link, host)
  const subscriptions = createSubscriptions((run) => link.call(run), report)

  function take({ channels: deliveries = [], fates = [], outbox: view, state: next, restarts = [], errors = [] }: Delivery): void {
    subscriptions.deliver(deliveries)
    sender.outgoing.told(fates)
    if (view) outbox.set(outboxContents(view))
    // After the messages: who sees `connected` has them.
    if (next) state.set(next)
    for (const restart of restarts) events.outboxRestarted.emit(restart)
    for (const error of errors) fail(HoldfastError.from(error))
  }

  function signal(news: TabSignal): void {
    void link.call((hub) => hub.signal(news))
  }

  function fail(error: HoldfastError): void {
    if (events.error.count() > 0) events.error.emit(error)
    else report(error)
  }

  /** While no hub lives the tab itself says what is the matter. */
  function setStatus(status: { status: 'connecting' | 'closed' } | { status: 'refused'; reason: 'version' }): void {
    const { pending, durable, shared } = state.current
    state.set({ pending, durable, shared, ...status })
  }

  function end(error: HoldfastError): void {
    if (isOver) return
    isOver = true
    link.close()
    sender.outgoing.close(error)
    subscriptions.close()
    setStatus({ status: 'closed' })
    host.ended()
  }

  function makeChannel(name: string): Channel {
    return {
      name,
      subscribe: (handlers, options) => stopOn(options, () => subscriptions.add(name, handlers)),
      send: <Reply>(data: unknown, options?: Parameters<Channel['send']>[1]) => sender.send<Reply>(name, data, options),
    }
  }

  return {
    state,
    user: makeChannel('@user'),
    outbox: {
      get current() {
        return outbox.current
      },
      subscribe: outbox.subscribe,
      cancel: (id) => sender.cancel(id),
      retry: (id) => sender.retry(id),
      discard: (id) => sender.discard(id),
    },
    channel(name) {
      let channel = channels.get(name)
      if (channel === undefined) {
        if (typeof name !== 'string' || !isChannelName(name) || name.startsWith('@')) {
          throw new HoldfastError(
            'invalid-option',
            'A channel name is 1 to 200 of A–Z a–z 0–9 . _ : / @ + = ~ -, without "..", and does not begin with @.',
          )
        }
        channels.set(name, (channel = makeChannel(name)))
      }
      return channel
    },
    on: (name, listener, options) => stopOn(options, () => events[name].add(listener)),
    retryNow() {
      link.start()
      signal('retry')
    },
    close() {
      if (!isOver && host.release()) end(new HoldfastError('closed', 'The connection was closed.'))
    },
    start: () => link.start(),
    page(event) {
      if (event === 'resumed') return link.attachAgain()
      signal(event)
      if (event === 'visible') void link.check()
    },
  }
}

/** Begins, unless the signal has aborted already, and stops when it does. */
function stopOn({ signal }: ListenOptions = {}, begin: () => () => void): () => void {
  if (signal?.aborted) return () => {}
  const stop = begin()
  signal?.addEventListener('abort', stop, { once: true })
  return () => {
    signal?.removeEventListener('abort', stop)
    stop()
  }
}
