import type { Delivery, TabSignal } from '../bridge/contract.ts'
import type { LogEntry } from '../core/ports.ts'
import type { ConnectionState } from '../core/public-state.ts'
import { isChannelName } from '../protocol/decode.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { invalidOption, readOptions } from '../protocol/read-options.ts'
import type { Channel, SendOptions } from './channel.ts'
import type { Connection, ListenOptions } from './connection-api.ts'
import { createEventListeners } from './connection-events.ts'
import { askCredential } from './credential.ts'
import { watchFirstFailure } from './first-failure.ts'
import { createHubChoice } from './hub-choice.ts'
import { createHubLink } from './hub-link.ts'
import { createLiveValue } from './live-value.ts'
import { createNoticeTeller } from './notice-teller.ts'
import type { CheckedOptions } from './options.ts'
import { EMPTY_OUTBOX, outboxContents, type OutboxContents } from './outbox.ts'
import type { Platform } from './platform.ts'
import { createRungs } from './rungs.ts'
import { createSender } from './sender.ts'
import { signOut } from './sign-out.ts'
import type { Status } from './start-troubles.ts'
import { persist, storageFacts } from './storage-facts.ts'
import { createSubscriptions } from './subscriptions.ts'

const LISTEN = { signal: new AbortController().signal }

/** Those who hold a connection: the `connect` calls that were not closed. */
export interface Holders {
  /** That function of the newest of them that has given one. */
  newest<Name extends 'token' | 'log'>(name: Name): CheckedOptions[Name]
  /** The connection has ended. */
  ended(): void
}

/** The connection of a scope, seen from `connect`. */
export interface SharedConnection {
  /** Its `close` ends it, whoever else holds it. */
  readonly connection: Connection
  /** Functions were given, or are not to be called any more. */
  givenAnew(): void
}

/**
 * Makes the connection of one scope in this tab. Without `holders` it does nothing: that is how it looks on a server.
 */
export function createConnection(
  { settings, scopeKey, build, persist: persists, ...where }: CheckedOptions,
  platform: Platform,
  holders: Holders | null,
): SharedConnection {
  const { report } = platform
  const rungs = createRungs(platform, where)
  const state = createLiveValue<ConnectionState>({ status: 'connecting', pending: null, durable: null, shared: null }, report)
  let watchesOutbox = false
  const outbox = createLiveValue<OutboxContents>(EMPTY_OUTBOX, report, (on) => {
    watchesOutbox = on
    signal(on ? 'watch-outbox' : 'unwatch-outbox')
  })
  const events = createEventListeners(report, tellLate)
  const channels = new Map<string, Channel>()
  const over = new AbortController()
  /** What has happened to the page since it was introduced to a hub, and was not told yet. */
  let untold: TabSignal[] = []
  let signOuts: number | undefined
  /** What a hub is told of the functions that were given, and was told last. */
  const facts = () => ({ wantsLog: !!holders?.newest('log'), canAuthenticate: !!holders?.newest('token') })
  let given = facts()
  /** The state came from the hub this tab introduced itself to last. */
  let isStateNew = false

  const link = createHubLink(platform, scopeKey, createHubChoice(build, where.hubUrl), rungs, {
    api: {
      deliver: async (batch) => take(batch),
      credential: () => askCredential(holders?.newest('token'), fail),
    },
    introduce() {
      untold = []
      isStateNew = false
      return {
        settings,
        visible: platform.isVisible(),
        watchesOutbox,
        ...(given = facts()),
        channels: subscriptions.restate(),
        unsettled: sender.unsettled(),
        ...(signOuts === undefined ? {} : { signOuts }),
      }
    },
    attached() {
      tell()
      notices.confirm()
      subscriptions.sync()
      sender.flush()
    },
    lost: forgetState,
    replaced() {
      // A hub delivers as soon as it knows the tab, which may be before its answer is here.
      if (!isStateNew) forgetState()
    },
    failed: fail,
    stuck(status) {
      if (status) setStatus(status)
      else if (!isStateNew) setStatus({ status: 'connecting' })
    },
    refused(data) {
      const error = HoldfastError.from(data)
      fail(error)
      if (data.code === 'version') setStatus({ status: 'refused', reason: 'version' })
      else end(error)
    },
  })
  const sender = createSender(link, platform, settings.outbox)
  const subscriptions = createSubscriptions(link, report)
  const notices = createNoticeTeller(link, events)

  function take(batch: Delivery): null {
    const { channels: deliveries = [], fates = [], outbox: view, state: next, errors = [] } = batch
    batch.log?.forEach(tellLine)
    subscriptions.deliver(deliveries)
    sender.told(fates)
    if (view) outbox.set(outboxContents(view))
    // After the messages: who sees `connected` has them.
    if (next && !over.signal.aborted) {
      isStateNew = true
      state.set(next)
    }
    signOuts = batch.signOuts ?? signOuts
    if (batch.taken) sender.heard(batch.taken)
    if (batch.signedOut) left(false)
    if (!over.signal.aborted) notices.take(batch.notices ?? [])
    for (const error of errors) fail(HoldfastError.from(error))
    return null
  }

  /** Who adds a listener is told when it has its way to stop. */
  function tellLate(isListening: boolean): void {
    if (isListening) queueMicrotask(() => notices.tell())
  }

  /** Lines are told first and hold nothing up: the app's function may throw. */
  function tellLine(line: LogEntry): void {
    try {
      holders?.newest('log')?.(line)
    } catch (error) {
      report(error)
    }
  }

  function signal(news: TabSignal): void {
    // The last of each kind says it all.
    untold = [...untold.filter((earlier) => earlier !== news), news]
    tell()
  }

  function tell(): void {
    if (link.isAttached()) for (const news of untold.splice(0)) void link.call('signal', news)
  }

  function fail(error: HoldfastError): void {
    if (events.error.isEmpty()) report(error)
    else events.error.emit(error)
  }

  function forgetState(): void {
    if (state.current.status !== 'connecting') setStatus({ status: 'connecting' })
  }

  /** While no hub lives the tab itself says what is the matter. */
  function setStatus(status: Status): void {
    const { pending, durable, shared } = state.current
    state.set({ pending, durable, shared, ...status })
  }

  function end(error: HoldfastError): void {
    over.abort()
    link.close(error)
    sender.close(error)
    subscriptions.close()
    notices.close()
    if (!holders) return
    setStatus({ status: 'closed' })
    holders.ended()
  }

  function left(here: boolean): void {
    if (over.signal.aborted) return
    end(new HoldfastError('closed', 'The user signed out.'))
    outbox.set(EMPTY_OUTBOX)
    events.signedOut.emit({ here })
  }

  function makeChannel(name: string): Channel {
    return {
      name,
      subscribe: (handlers, how) => stopOn(how, () => subscriptions.add(name, handlers)),
      send: <Reply>(data: unknown, how?: SendOptions) => sender.send<Reply>(name, data, how),
    }
  }

  if (holders) {
    platform.watchPage((event) => {
      if (event === 'resumed') return link.attachAgain()
      if (event === 'frozen') return link.rest()
      signal(event)
      if (event === 'online' || event === 'visible') link.hurry()
      if (event === 'suspended') link.suspend()
      if (event === 'visible') void link.check()
    }, over.signal)
    link.start()
    watchFirstFailure(platform, settings.url, state, over.signal)
    if (persists) persist(platform).catch(fail)
  } else end(new HoldfastError('not-connected', 'There is no connection outside a browser.'))

  const connection: Connection = {
    state,
    user: makeChannel('@user'),
    outbox: Object.assign(outbox, {
      cancel: sender.cancel,
      retry: sender.retry,
      discard: sender.discard,
    }),
    channel(name) {
      let channel = channels.get(name)
      if (!channel) {
        if (typeof name !== 'string' || !isChannelName(name) || name.startsWith('@')) {
          invalidOption('channel', 'must be 1 to 200 of A-Z a-z 0-9 ._:/@+=~- without "..", not beginning with @')
        }
        channels.set(name, (channel = makeChannel(name)))
      }
      return channel
    },
    on(name, listener, how) {
      readOptions({ [name]: undefined }, events, 'events')
      return stopOn(how, () => events[name].add(listener))
    },
    retryNow() {
      link.start()
      signal('retry')
    },
    scope: () => platform.hash(scopeKey),
    close() {
      if (!over.signal.aborted && holders) end(new HoldfastError('closed', 'The connection was closed.'))
    },
    async signOut(how = {}) {
      const { park = false } = readOptions(how, { park: false })
      // What was sent before goes first.
      await sender.handedOver()
      return signOut(link, park, () => left(true))
    },
    storage: () => storageFacts(platform),
  }
  return {
    connection,
    givenAnew() {
      const { canAuthenticate, wantsLog } = given
      given = facts()
      if (given.canAuthenticate !== canAuthenticate) signal(given.canAuthenticate ? 'has-token' : 'no-token')
      if (given.wantsLog !== wantsLog) signal(given.wantsLog ? 'wants-log' : 'no-log')
    },
  }
}

/** Begins, and stops when the signal aborts: at once, when it has already. */
function stopOn(how: ListenOptions = {}, begin: () => () => void): () => void {
  const { signal } = readOptions(how, LISTEN)
  const stop = begin()
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop, { once: true })
  return () => {
    signal?.removeEventListener('abort', stop)
    stop()
  }
}
