import type { RemoteTab } from '../bridge/hub-end.ts'
import type { AttachRequest, ChannelDelivery, Delivery, OutboxView, TabPosition } from '../bridge/contract.ts'
import { addNotices, type AppNotice } from '../core/notices.ts'
import type { Clock, Fate, LogEntry, TakenCount } from '../core/ports.ts'
import type { ConnectionState } from '../core/public-state.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { Id } from '../protocol/messages.ts'
import { TabChannel } from './tab-channel.ts'

/** Small batches that a visible tab may get before it must answer one. The answer costs about as much as the batch. */
const UNANSWERED_BATCHES = 16
/** JSON text they may hold together, in UTF-16 units. */
const UNANSWERED_UNITS = 16_384
/** Channels one tab may want. A server gives a session 128 unless it says otherwise. */
const MAX_CHANNELS = 1_000
/** Lines for developers that are kept for a tab between two batches. */
const MAX_LINES = 100

/** What a tab session reads when it makes a batch. */
export interface TabSource {
  readonly hiddenDelayMs: number
  readonly clock: Clock
  /** `null` until the store is open: the tab goes on showing what it knows. */
  state(): ConnectionState | null
  /** Sign-outs before this moment, while {@link state} is known. */
  signOuts(): number
  /** What the store has taken so far. `null` like {@link state}. */
  taken(): TakenCount | null
  /** `null` like {@link state}. */
  outboxView(): OutboxView | null
  serve(tab: TabSession, channel: TabChannel): ChannelDelivery | null
}

/** What became of one message, as a tab is told. */
export type FateNews = Fate | { readonly id: Id; readonly fate: 'sent' }

/**
 * One attached tab: what it wants, what is owed to it, and its credit. Beyond a few small batches of messages nothing
 * is on its way that the tab has not answered; everything that happens meanwhile is in the next batch. A visible tab is
 * served at once, a hidden one within `hiddenDelayMs`, a suspended one not at all until it attaches again.
 */
export class TabSession {
  readonly id: Id
  readonly channels: Map<string, TabChannel> = new Map()
  /** Whether it can be asked for a credential. */
  canAuthenticate: boolean
  /** Sign-outs the tab knew of when it attached. */
  readonly signOuts: number | undefined
  visible: boolean
  watchesOutbox: boolean
  wantsLog: boolean
  suspended = false
  /** Batches it was handed so far. */
  handed = 0
  /** The user has signed out: nothing of this tab is done any more. */
  hasLeft = false
  readonly #remote: RemoteTab
  readonly #source: TabSource
  #credit = true
  #unansweredBatches = 0
  #unansweredUnits = 0
  #waiting: (() => void) | null = null
  #stateDue = true
  #outboxDue = true
  /** The newest of each message: it may be sent again with every connection. */
  readonly #fates = new Map<Id, FateNews>()
  #notices: readonly AppNotice[] = []
  /** The newest of each code: they may come for hours while a tab is frozen. */
  #errors = new Map<ErrorData['code'], ErrorData>()
  #lines: LogEntry[] = []
  readonly #dirty = new Set<TabChannel>()

  constructor(request: AttachRequest, remote: RemoteTab, source: TabSource) {
    this.id = request.tab
    this.visible = request.visible
    this.watchesOutbox = request.watchesOutbox
    this.canAuthenticate = request.canAuthenticate
    this.signOuts = request.signOuts
    this.wantsLog = request.wantsLog === true
    this.#remote = remote
    this.#source = source
  }

  /** The tab wants a channel, from a place or as a newcomer; `null` when it has too many, and is told so. */
  want(wanted: TabPosition): TabChannel | null {
    if (this.channels.size >= MAX_CHANNELS && !this.channels.has(wanted.channel)) {
      this.tellError({ code: 'limit', message: `too many channels: ${wanted.channel}` })
      return null
    }
    const channel = new TabChannel(wanted)
    this.channels.set(wanted.channel, channel)
    return channel
  }

  /** Whether its user has left since the page was told of so many sign-outs: it did not run when that was told. */
  hasMissed(signOuts: number): boolean {
    return this.signOuts !== undefined && this.signOuts < signOuts
  }

  /** Asks this tab for a credential. */
  credential(): ReturnType<RemoteTab['credential']> {
    return this.#remote.credential()
  }

  /** The state is another. */
  stateChanged(): void {
    this.#stateDue = true
    this.#schedule()
  }

  /** The outbox is another. */
  outboxChanged(): void {
    this.#outboxDue = true
    if (this.watchesOutbox) this.#schedule()
  }

  /** There may be news in a channel. */
  channelChanged(channel: TabChannel): void {
    if (this.suspended) return
    this.#dirty.add(channel)
    this.#schedule()
  }

  /** Something became of messages this tab sent. */
  tellFates(fates: readonly FateNews[]): void {
    if (this.suspended) return
    for (const fate of fates) this.#fates.set(fate.id, fate)
    this.#schedule()
  }

  /** What the app must be told: of what happens for hours while the tab is frozen, as much as a store keeps. */
  tellNotices(notices: readonly AppNotice[]): void {
    if (this.suspended || notices.length === 0) return
    this.#notices = addNotices(this.#notices, notices)
    this.#schedule()
  }

  /** The user has left. Told whatever the tab has answered, unless it asked itself, and the last that it is told. */
  signedOut(asked: boolean = false): void {
    if (this.hasLeft) return
    this.hasLeft = true
    if (!asked && !this.suspended) this.#remote.push({ signedOut: true })
    this.end()
  }

  /** Something failed that no call could tell. */
  tellError(error: ErrorData): void {
    if (this.suspended) return
    this.#errors.set(error.code, error)
    this.#schedule()
  }

  /** A line for developers: the newest are told to a tab that wants them. */
  tellLine(line: LogEntry): void {
    if (this.suspended || !this.wantsLog) return
    this.#lines.push(line)
    if (this.#lines.length > MAX_LINES) this.#lines.shift()
    this.#schedule()
  }

  /** The page is looked at again, or was hidden. */
  setVisible(visible: boolean): void {
    this.visible = visible
    if (visible) this.#flush()
  }

  /** Nothing more is delivered, and nothing is kept for it: the tab says what it lacks when it attaches again. */
  end(): void {
    this.suspended = true
    this.#forget()
    this.#waiting?.()
    this.#waiting = null
  }

  #schedule(): void {
    if (this.suspended || !this.#credit) return
    if (this.visible) return this.#flush()
    this.#waiting ??= this.#source.clock.setTimer(this.#source.hiddenDelayMs, () => this.#flush())
  }

  #flush(): void {
    this.#waiting?.()
    this.#waiting = null
    if (this.suspended || !this.#credit) return
    const batch = this.#batch()
    if (!batch) return
    this.handed++
    if (this.#goesUnanswered(batch)) return this.#remote.push(batch)
    this.#credit = false
    void this.#remote.deliver(batch).then((answer) => {
      this.#credit = answer.ok
      if (answer.ok && this.#owes()) this.#schedule()
    })
  }

  /**
   * Whether the batch is messages only, and few enough since the last answer. A hidden tab may be frozen: it answers
   * each.
   */
  #goesUnanswered({ channels, ...rest }: Delivery): boolean {
    this.#unansweredBatches++
    for (const { messages, snapshot } of channels ?? []) this.#unansweredUnits += (messages?.length ?? 0) + (snapshot?.json?.length ?? 0)
    const few = this.#unansweredBatches < UNANSWERED_BATCHES && this.#unansweredUnits < UNANSWERED_UNITS
    if (this.visible && few && Object.keys(rest).length === 0) return true
    this.#unansweredBatches = 0
    this.#unansweredUnits = 0
    return false
  }

  #forget(): void {
    this.#dirty.clear()
    this.#fates.clear()
    this.#notices = []
    this.#errors.clear()
    this.#lines = []
  }

  #owes(): boolean {
    return (
      this.#stateDue ||
      this.#dirty.size > 0 ||
      this.#fates.size > 0 ||
      this.#notices.length > 0 ||
      this.#errors.size > 0 ||
      this.#lines.length > 0 ||
      (this.watchesOutbox && this.#outboxDue)
    )
  }

  #batch(): Delivery | null {
    const channels = [...this.#dirty]
      // A channel that was given up, or begun anew, is not continued.
      .filter((channel) => this.channels.get(channel.channel) === channel)
      .map((channel) => this.#source.serve(this, channel))
      .filter((delivery) => delivery !== null)
    const state = this.#stateDue ? this.#source.state() : null
    const taken = state && this.#source.taken()
    const outbox = this.watchesOutbox && this.#outboxDue ? this.#source.outboxView() : null
    const batch: Delivery = {
      ...(state ? { state, signOuts: this.#source.signOuts() } : {}),
      ...(taken ? { taken } : {}),
      ...(channels.length > 0 ? { channels } : {}),
      ...(this.#fates.size > 0 ? { fates: [...this.#fates.values()] } : {}),
      ...(this.#notices.length > 0 ? { notices: this.#notices } : {}),
      ...(this.#errors.size > 0 ? { errors: [...this.#errors.values()] } : {}),
      ...(outbox ? { outbox } : {}),
      ...(this.#lines.length > 0 ? { log: this.#lines } : {}),
    }
    this.#stateDue = false
    if (this.watchesOutbox) this.#outboxDue = false
    this.#forget()
    return Object.keys(batch).length > 0 ? batch : null
  }
}
