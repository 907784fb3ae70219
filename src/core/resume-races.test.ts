import { describe, it } from 'vitest'
import type { Cursor } from '../protocol/messages.ts'
import { publicState } from './derive-public-state.ts'
import type { Notice } from './runtime-ports.ts'
import { createRuntime, type Runtime } from './runtime.ts'
import { createFakeClock } from './testing/fake-clock.ts'
import { id, settings } from './testing/frames.ts'
import { ModelLog } from './testing/model-log.ts'
import { pass, race, steps, type RaceWorld, type Schedule } from './testing/race-model.ts'
import { createScheduledNetwork } from './testing/scheduled-network.ts'
import { createStoreDouble } from './testing/store-double.ts'

/** A client with one channel, the hub it reports to, and a server's log. */
class ResumeWorld implements RaceWorld {
  readonly violations: string[] = []
  readonly clock = createFakeClock()
  readonly log: ModelLog
  readonly #isCutInTheEnd: boolean
  readonly #network: ReturnType<typeof createScheduledNetwork>
  #life = { isAlive: true }
  #runtime!: Runtime
  /** It was told that there is no value to begin with. */
  #isToldOfNone = false
  /** Where the hub is; `null` before it began and after a reset. */
  #place: Cursor | null = null
  #stored: Cursor | null = null
  /** The head that the newest verdict announced. */
  #announced: number | null = null
  /** Where the hub was when the channel was live last. */
  #outageFrom: number | null = null
  #made = 0

  constructor(schedule: Schedule, options: number) {
    this.log = new ModelLog(schedule, (options & 1) === 1)
    this.#isCutInTheEnd = (options & 2) === 2
    this.#network = createScheduledNetwork((peer) => this.log.connect(peer), schedule)
    this.#start()
  }

  /** A hub begins from the place that the one before it stored, which may lag and never leads. */
  #start(): void {
    const life = (this.#life = { isAlive: true })
    const { clock } = this
    const store = createStoreDouble()
    this.#place = this.#stored
    this.#announced = null
    this.#outageFrom = this.#place?.offset ?? null
    this.#runtime = createRuntime({
      settings: settings(),
      clock: { ...clock, setTimer: (delayMs, run) => clock.setTimer(delayMs, () => life.isAlive && run()) },
      random: { fraction: () => 0, id: () => id(`made${++this.#made}`) },
      openSocket: this.#network.socketsOf(life, () => {}),
      store,
      stored: store.stored(),
      askCredential: () => Promise.resolve(null),
      notify: (notice) => life.isAlive && this.#hear(notice),
      log: () => {},
    })
    this.#runtime.dispatch({ type: 'start' })
    this.#runtime.dispatch({ type: 'subscribe', channel: 'a', cursor: this.#place })
  }

  crash(): void {
    this.#life.isAlive = false
    this.cut(false)
    this.#start()
  }

  store(): void {
    this.#stored = this.#place
  }

  cut(arrives: boolean): void {
    if (!arrives) this.log.cut()
    this.#network.cut(arrives)
  }

  /** The last tab leaves, and comes back with its place or as a newcomer. */
  leaveAndReturn(): void {
    this.#runtime.dispatch({ type: 'unsubscribe', channel: 'a' })
    this.#outageFrom = this.#place?.offset ?? null
    this.#runtime.dispatch({ type: 'subscribe', channel: 'a', cursor: this.#place })
  }

  wantValue(): void {
    this.#runtime.dispatch({ type: 'want-snapshot', channel: 'a', from: this.#place?.offset ?? 0 })
  }

  #hear(notice: Notice): void {
    const place = this.#place
    switch (notice.type) {
      case 'messages': {
        if (!place) return this.#wrong(`[I15] messages come without a place`)
        if (notice.cursor.epoch !== place.epoch) this.#wrong(`[I19] messages of another epoch come without a reset`)
        notice.messages.forEach(({ offset, id: mid }, at) => {
          if (offset !== place.offset + 1 + at) this.#wrong(`[I15] [I16] ${offset} comes after ${place.offset + at}`)
          if (!this.log.history.has(`${place.epoch} ${offset} ${mid}`)) this.#wrong(`[I19] ${mid} never stood at ${offset}`)
        })
        this.#place = notice.cursor
        return
      }
      case 'snapshot':
      case 'started':
        if (notice.continues) {
          if (place?.epoch !== notice.cursor.epoch) this.#wrong('[I15] an asked value is of another epoch')
          return
        }
        if (place) this.#wrong('[I15] a new beginning comes without a reset')
        this.#isToldOfNone = false
        this.#place = notice.cursor
        this.#announced = notice.cursor.offset
        return
      case 'reset':
        if (!place) this.#wrong('[CH5] a loss is told twice')
        if (notice.from !== undefined && place && notice.from !== place.offset + 1) this.#wrong(`[P24] missing is said from ${notice.from}`)
        this.#place = null
        this.#announced = null
        this.#outageFrom = null
        return
      case 'no-value':
        this.#isToldOfNone = true
        return
      case 'recovering':
        if (!place || notice.upTo < place.offset) return this.#wrong(`[I17] recovered up to ${notice.upTo} from ${place?.offset}`)
        if (notice.missed !== notice.upTo - (this.#outageFrom ?? place.offset))
          this.#wrong(`[CH4] ${notice.missed} missed, from ${this.#outageFrom} to ${notice.upTo}`)
        this.#announced = notice.upTo
    }
  }

  check(): void {
    const { state } = this.#runtime
    const channel = state.channels.get('a')
    if (JSON.stringify(channel?.cursor ?? null) !== JSON.stringify(this.#place)) this.#wrong('[CH1] the place leads what was handed on')
    if (publicState(state, { durable: true, shared: true }).status !== 'connected') return
    // Whoever has no value to begin with was told so, and the connection is not held up for it.
    if (!this.#place && this.#isToldOfNone) return
    if (!this.#place || (this.#announced ?? Infinity) > this.#place.offset) this.#wrong('[I17] connected, and not up to date')
    this.#outageFrom = this.#place?.offset ?? null
  }

  async heal(idle: () => Promise<void>): Promise<void> {
    this.log.failing = 0
    // A state from which only a new socket leads on would be found out by those that keep theirs.
    if (this.#isCutInTheEnd) this.cut(false)
    this.log.publish(1)
    await pass(idle, this.clock, 120)
    // A log that went back while it replayed owes what it has announced and lost, for ever: that is noticed by the
    // clock alone (CN17).
    if (this.log.hasGoneBack) await pass(idle, this.clock, 480)
    if (JSON.stringify(this.#place) !== JSON.stringify(this.log.head))
      this.#wrong(`[I32] at ${JSON.stringify(this.#place)}, the head is ${JSON.stringify(this.log.head)}`)
    const { status } = publicState(this.#runtime.state, { durable: true, shared: true })
    if (status !== 'connected') this.#wrong(`[I32] the state is ${status}`)
  }

  #wrong(what: string): void {
    this.violations.push(what)
  }
}

const anyStep = [
  ...steps<ResumeWorld>(6, 'publish', (world, choice) => world.log.publish(1 + (choice % 3))),
  ...steps<ResumeWorld>(3, 'cut', (world, choice) => world.cut(choice % 2 === 0)),
  ...steps<ResumeWorld>(5, 'seconds pass', (world, choice) => world.clock.advance(1_000 * (choice + 1))),
  ...steps<ResumeWorld>(1, 'trim', (world, choice) => world.log.trim(choice % 4)),
  ...steps<ResumeWorld>(1, 'a new epoch', (world) => world.log.beginAnew()),
  ...steps<ResumeWorld>(1, 'the log goes back', (world, choice) => world.log.goBack(1 + (choice % 3))),
  ...steps<ResumeWorld>(1, 'the server skips one', (world) => world.log.skipOne()),
  ...steps<ResumeWorld>(1, 'values fail', (world, choice) => void (world.log.failing = 1 + (choice % 2))),
  ...steps<ResumeWorld>(1, 'leave and return', (world) => world.leaveAndReturn()),
  ...steps<ResumeWorld>(1, 'a value is wanted', (world) => world.wantValue()),
  ...steps<ResumeWorld>(2, 'the place is stored', (world) => world.store()),
  ...steps<ResumeWorld>(2, 'crash', (world) => world.crash()),
]

describe('a channel whose frames arrive late, or not at all', () => {
  it(
    '[I15] [I16] [I17] [I18] [I19] [I32] is handed on without gap or repeat, or with a reset, and is up to date in the end',
    { timeout: 60_000_000 },
    () => race(400, anyStep, (schedule, options) => new ResumeWorld(schedule, options)),
  )
})
