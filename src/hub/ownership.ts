import type { AttachRequest, HandedMessage, SendAnswer, SignedOut, TabPosition, TabSignal } from '../bridge/contract.ts'
import type { NewMessage, Store, TakenCount } from '../core/ports.ts'
import { hasSocket } from '../core/connecting.ts'
import { publicState } from '../core/derive-public-state.ts'
import { MAY_REPEAT } from '../core/group-commit.ts'
import type { ConnectionState } from '../core/public-state.ts'
import { createRuntime, type Runtime } from '../core/runtime.ts'
import type { Notice } from '../core/runtime-ports.ts'
import type { HubSettings } from '../core/settings.ts'
import { HoldfastError, type ErrorData } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import { createCacheWriter } from './cache-writer.ts'
import { Channels } from './channels.ts'
import { askCredential } from './credentials.ts'
import { createFateDesk } from './fate-desk.ts'
import { openStore } from './open-store.ts'
import { outboxView } from './outbox-view.ts'
import { createOutboxWatch } from './outbox-watch.ts'
import type { HubPlatform } from './platform.ts'
import { createPresence } from './presence.ts'
import { carry, inherit, lossOf, requeueLost, type LostStore } from './rescue.ts'
import { sendVolatile } from './send-volatile.ts'
import { settleTab } from './settle-tab.ts'
import { createSignOut } from './sign-out.ts'
import { createStateBoard } from './state-board.ts'
import { SIGNED_OUT, submit, type SubmitHost } from './submit.ts'
import type { TabSession, TabSource } from './tab-session.ts'

/**
 * The session machine, its store and its channels on behalf of the attached tabs: before this hub owns them, while, and
 * after they were lost.
 */
export interface Ownership {
  readonly source: TabSource
  /** The owner lock is held: opens the store and connects. */
  begin(): Promise<void>
  /**
   * Whether there is nothing that {@link Ownership.end} would cut short or lose: no socket, no store that is being
   * opened, nobody who is leaving, and nothing in memory only.
   */
  isIdle(): boolean
  /** Something failed that no call could tell. */
  fail(error: unknown): void
  /** Lets go of socket and store. Nothing of it works any more; what waits for the store waits for ever. */
  end(): void
  joined(tab: TabSession, request: AttachRequest): void
  left(tab: TabSession): void
  subscribe(tab: TabSession, channels: readonly TabPosition[]): void
  unsubscribe(tab: TabSession, channels: readonly string[]): void
  send(tab: TabSession, messages: readonly HandedMessage[], since: TakenCount, isAgain: boolean): Promise<readonly SendAnswer[]>
  sendVolatile(messages: readonly NewMessage[]): void
  cancel(id: Id): Promise<void>
  discard(id: Id): Promise<void>
  /** A listener of the app has run for each of these notices. */
  heard(notices: readonly Id[]): Promise<void>
  signal(tab: TabSession, signal: TabSignal): void
  /** The user leaves, as {@link signOut} says; more tabs may ask while it is under way. */
  signOut(tab: TabSession, park: boolean): Promise<SignedOut>
  /** Resolves when nobody is leaving whose tabs have all been told. */
  gone(): Promise<void>
}

interface Running {
  readonly store: Store
  readonly runtime: Runtime
  readonly channels: Channels
  /** Sign-outs before this store was opened. */
  readonly signOuts: number
}

/**
 * Serves `tabs`, a set that its maker keeps. Calls that need the store wait until it is open.
 * @param fenced told when another hub has taken the store over
 * @param left told when the user has left: nothing is to be done for the tabs that are there any more
 */
export function createOwnership(
  platform: HubPlatform,
  settings: HubSettings,
  tabs: ReadonlySet<TabSession>,
  fenced: () => void,
  left: () => void,
): Ownership {
  const { clock, log, shared } = platform
  const fates = createFateDesk()
  const retrying = new Map<Id, Id>()
  const isNewOutbox = createOutboxWatch()
  let running: Running | null = null
  let opened: (now: Running) => void = () => {}
  let ready = new Promise<Running>((resolve) => (opened = resolve))
  let opening = 0
  let isOver = false
  const leaving = createSignOut({ platform, settings, tabs, ready: () => ready, now: () => running, left })
  const presence = createPresence(tabs, (event) => running?.runtime.dispatch(event))

  const board = createStateBoard(clock, state, () => {
    for (const tab of tabs) tab.stateChanged()
  })

  /** Until the store is open there is nothing to tell: tabs go on showing what they know. */
  function state(pending?: number): ConnectionState | null {
    return running && publicState(running.runtime.state, { durable: running.store.durable, shared }, pending)
  }

  const tellError = (error: ErrorData): void => {
    for (const tab of tabs) tab.tellError(error)
  }

  const fail = (error: unknown): void => {
    const data: ErrorData = error instanceof HoldfastError ? error.toData() : { code: 'hub-failed', message: String(error) }
    log({ level: 'error', event: data.code, message: data.message })
    tellError(data)
  }

  const open = (lost: LostStore | null): Promise<void> => {
    opening++
    return openNow(lost).finally(() => opening--)
  }

  const openNow = async (lost: LostStore | null): Promise<void> => {
    const [store, found] = await openStore(platform, settings, fail)
    const loss = lost && lossOf(lost, store, platform)
    const stored = loss ? { ...found, parked: [...found.parked, ...loss.parked] } : found
    if (stored.corrupt) fail(new HoldfastError('storage-corrupt', 'stored data could not be read and was set aside'))
    const runtime = createRuntime({
      settings,
      clock,
      random: platform.random,
      openSocket: platform.openSocket(settings.url),
      store,
      stored,
      earlier: lost?.runtime.state ?? null,
      askCredential: () => askCredential(tabs, clock),
      notify: (notice) => take(notice),
      log,
    })
    // A store that was given up fails, and nobody misses what it does not take.
    const failUnlessOver = (error: unknown): void => (isOver ? undefined : fail(error))
    const write = createCacheWriter(store, clock, failUnlessOver)
    const channels = new Channels(
      { clock, runtime, tabs, changed: write, dropped: (gone) => void store.dropCache(gone).catch(failUnlessOver) },
      stored.channels,
    )
    if (isOver) {
      if (loss && !leaving.isUnderWay()) await carry(loss, store, () => {})
      // Who owns the store has lost its lease to this hub, and would learn of that, and of what was left, only when it
      // next writes.
      if (store.durable) platform.hubs.tell({ epoch: 0, instance: platform.random.id(), sees: [] })
      return store.close()
    }
    const now: Running = (running = { store, runtime, channels, signOuts: stored.signOuts })
    for (const tab of tabs) if (tab.hasMissed(stored.signOuts)) tab.signedOut()
    // Only pages that came back after their user had left: there is nobody to connect for.
    if (tabs.size > 0 && [...tabs].every(({ hasLeft }) => hasLeft)) return left()
    store.onLost((why) => {
      if (running === now) lose(why, now)
    })
    store.onFenced(() => {
      if (running === now) fenced()
    })
    presence.update()
    for (const tab of tabs) for (const channel of tab.channels.values()) channels.join(tab, channel)
    runtime.dispatch({ type: 'start' })
    // Before whatever has waited for the store since.
    const saved = loss && inherit(loss, store, { runtime, fates, fail }).catch(fail)
    for (const tab of tabs) tab.tellNotices(runtime.notices.ready())
    opened(now)
    board.update()
    showOutbox()
    await saved
  }

  /** The browser took the storage away: a new store begins with what can be saved of the old one. */
  const lose = (why: string, { runtime, store }: Running): void => {
    runtime.dispatch({ type: 'stop' })
    running = null
    ready = new Promise((resolve) => (opened = resolve))
    log({ level: 'info', event: 'storage-lost', why })
    tellError({ code: 'storage-failed', message: `the browser took the storage away: ${why}` })
    open({ runtime, store, why }).catch(fail)
  }

  const end = (): void => {
    running?.runtime.dispatch({ type: 'stop' })
    running?.store.close()
    running = null
    isOver = true
  }

  const take = (notice: Notice): void => {
    switch (notice.type) {
      case 'changed':
        board.update()
        leaving.look()
        return showOutbox()
      case 'fates':
        fates.tell(notice.fates)
        // Something may have been parked with them.
        return showOutbox()
      case 'sent':
        return fates.tell(notice.ids.map((id) => ({ id, fate: 'sent' })))
      case 'notices':
        for (const tab of tabs) tab.tellNotices(notice.notices)
        return
      case 'error':
        return tellError(notice.error)
      default:
        return running?.channels.take(notice)
    }
  }

  const showOutbox = (): void => {
    if (running && isNewOutbox(running.runtime)) for (const tab of tabs) tab.outboxChanged()
  }

  const subscribe = (tab: TabSession, channels: readonly TabPosition[]): void => {
    for (const wanted of channels) {
      if (running) running.channels.subscribe(tab, wanted)
      else tab.want(wanted)
    }
  }

  const unpark = async (id: Id): Promise<void> => void (await (await ready).runtime.unpark(id))

  const submitTo = ({ runtime, store }: Running): SubmitHost => ({
    fates,
    runtime,
    store,
    retrying,
    unpark,
    fail,
    queued(entries) {
      // What a store took in before it was lost may be known only when the next one is open.
      if (running && running.runtime !== runtime) requeueLost(runtime.state, entries, { runtime: running.runtime, fates, fail })
    },
  })

  return {
    source: {
      hiddenDelayMs: settings.hiddenDelayMs,
      clock,
      state: () => board.current(),
      signOuts: () => running?.signOuts ?? 0,
      taken: () => running?.store.taken() ?? null,
      outboxView: () => running && outboxView(running.runtime, clock.nowMs() - running.store.timeMs()),
      serve: (tab, channel) => running?.channels.serve(tab, channel) ?? null,
    },
    begin: () => open(null),
    isIdle: () => opening === 0 && !leaving.isAsked() && !(running && (hasSocket(running.runtime.state.phase) || !running.store.durable)),
    fail,
    end,
    joined(tab, request) {
      if (running && tab.hasMissed(running.signOuts)) return tab.signedOut()
      subscribe(tab, request.channels)
      tab.stateChanged()
      if (running) tab.tellNotices(running.runtime.notices.ready())
      void settleTab(tab, request.unsettled, { clock, fates, ready: () => ready, isHere: () => !isOver && tabs.has(tab), fail })
      presence.update()
      // Somebody came, maybe with another credential: worth a try now. An open socket needs no proof of life for it.
      const { name } = running?.runtime.state.phase ?? {}
      if (name === 'waiting' || name === 'refused') presence.wake()
    },
    left(tab) {
      fates.forget(tab)
      running?.channels.leave(tab.channels.keys())
      presence.update()
    },
    subscribe,
    unsubscribe(tab, channels) {
      for (const channel of channels) {
        if (running) running.channels.unsubscribe(tab, channel)
        else tab.channels.delete(channel)
      }
    },
    async send(tab, messages, since, isAgain) {
      const now = await ready
      // What was handed over before may have been applied: what knew of it is forgotten, or about to be.
      if (leaving.isUnderWay() || tab.hasLeft) return messages.map(() => ({ error: isAgain ? MAY_REPEAT : SIGNED_OUT }))
      const taken = now.store.taken()
      // A later hub would look in the store they name for what is in this one.
      if (!isAgain && since.memory !== taken.memory) return messages.map(() => ({ taken }))
      return submit(tab, messages, isAgain ? since : null, submitTo(now))
    },
    sendVolatile: (messages) => sendVolatile(leaving.isUnderWay() ? null : (running?.runtime ?? null), messages, clock.nowMs()),
    cancel: async (id) => (await ready).runtime.cancel(id),
    discard: unpark,
    heard: async (notices) => (await ready).runtime.notices.heard(notices),
    signal: presence.signal,
    signOut: leaving.signOut,
    gone: leaving.gone,
  }
}
