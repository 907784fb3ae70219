import type { ChannelHandlers, ChannelMessage } from '../../src/page/channel-feed.ts'
import type { SimTab } from '../world/sim-tab.ts'
import type { World } from '../world/world.ts'

/** A place in a log, as simulated values of channels tell it. */
export interface Place {
  readonly epoch: string
  readonly offset: number
}

/** What one tab hears of one channel, held to the rules as it comes. */
export class Stream {
  readonly handlers: ChannelHandlers<Place>
  /** Up to where the tab has everything. */
  place: Place | null = null
  isRefused = false
  /** The furthest the tab was since the last reset. */
  #furthest: Place | null = null
  #recoveredMs = -1
  /** Nothing is promised about the next message: the stream began, or was reset. */
  #mayJump = true
  readonly #world: World
  readonly #tab: SimTab
  readonly channel: string

  constructor(world: World, tab: SimTab, channel: string) {
    this.#world = world
    this.#tab = tab
    this.channel = channel
    this.handlers = {
      snapshot: (value) => this.#snapshot(value),
      message: (message) => this.#message(message),
      reset: (why) => {
        world.trace('reset', this.#name, why.reason, why.from, why.to)
        world.totals.count(`resets told: ${why.reason}`)
        this.#mayJump = true
        this.place = null
        // What follows may begin with what the browser has kept of before.
        this.#furthest = null
      },
      recovered: (count) => this.#recovered(count),
      refused: () => {
        this.#mayJump = true
        this.place = null
        this.isRefused = true
        world.check.streamRefused(this.#tab, channel)
      },
    }
  }

  /** Where the log ends that this is the stream of. */
  head(): Place | undefined {
    return this.#world.check.headOf(this.#key)
  }

  /**
   * Whether nothing is missing. A stream that was refused misses nothing, nor does one of a channel without values that the server began at the end
   * of the log: until the next message nothing tells the app where it stands.
   */
  isAtHead(): boolean {
    const head = this.head()
    if (this.isRefused || head === undefined || head.offset === 0) return true
    const place = this.place ?? this.#world.check.startOf(this.#tab, this.channel)
    return place?.epoch === head.epoch && place.offset === head.offset
  }

  #snapshot({ epoch, offset }: Place): void {
    const { check } = this.#world
    check.signOuts.hears(this.#tab, this.channel)
    this.#world.trace('snapshot', this.#name, epoch, offset)
    check.holds(
      this.#mayJump || (this.place?.epoch === epoch && this.place.offset <= offset),
      'I15',
      () => `${this.#name}: a value of another place without a reset`,
    )
    this.#goTo({ epoch, offset })
  }

  #message({ offset, id }: ChannelMessage): void {
    const { check } = this.#world
    check.signOuts.hears(this.#tab, this.channel)
    this.#world.trace('message', this.#name, offset)
    const entry = check.entryOf(id)
    const isOther = entry !== undefined && entry.key !== this.#key
    check.holds(entry?.offset === offset && !isOther, isOther ? 'I26' : 'I19', () => `${this.#name}: ${id} at ${offset}`)
    if (!entry) return
    const { epoch } = entry
    check.holds(!this.#isBehind(epoch, offset - 1), 'I16', () => `${this.#name}: ${offset} after ${this.#furthest?.offset}`)
    check.holds(
      this.#mayJump ? true : this.place?.epoch === epoch && offset === this.place.offset + 1,
      'I15',
      () => `${this.#name}: ${offset} of ${epoch} after ${this.place?.offset} of ${this.place?.epoch}`,
    )
    this.#goTo({ epoch, offset })
    this.#world.totals.count('messages delivered')
  }

  #recovered(count: number): void {
    const { check } = this.#world
    check.signOuts.hears(this.#tab, this.channel)
    this.#world.trace('recovered', this.#name, count)
    this.#world.totals.count('recoveries told')
    const announced = check.announcedTo(this.#tab, this.channel, this.#recoveredMs)
    this.#recoveredMs = this.#world.schedule.nowMs
    const isThere =
      announced === undefined || this.place === null || announced.epoch !== this.place.epoch || this.place.offset >= announced.offset
    check.holds(isThere && count >= 0, 'I17', () => `${this.#name}: recovered ${count} at ${this.place?.offset}, of ${announced?.offset}`)
  }

  #isBehind(epoch: string, offset: number): boolean {
    return this.#furthest !== null && this.#furthest.epoch === epoch && offset < this.#furthest.offset
  }

  #goTo(place: Place): void {
    this.place = place
    this.#furthest = place
    this.#mayJump = false
  }

  get #key(): string {
    return this.channel === '@user' ? `@user ${this.#tab.user}` : this.channel
  }

  get #name(): string {
    return `${this.#tab.process.name} ${this.channel}`
  }
}
