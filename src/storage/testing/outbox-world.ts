import { emptyOutbox } from '../../core/outbox.ts'
import type { Fate, NewMessage, OutboxState } from '../../core/ports.ts'
import { createRuntime, type Runtime } from '../../core/runtime.ts'
import type { Notice } from '../../core/runtime-ports.ts'
import { createFakeClock } from '../../core/testing/fake-clock.ts'
import { id, settings } from '../../core/testing/frames.ts'
import { ModelServer } from '../../core/testing/model-server.ts'
import { pass, type RaceWorld, type Schedule } from '../../core/testing/race-model.ts'
import { createScheduledNetwork, type ScheduledNetwork } from '../../core/testing/scheduled-network.ts'
import type { HoldfastError } from '../../protocol/errors.ts'
import type { Id } from '../../protocol/messages.ts'
import { createMemoryStore, emptyMemoryContents, type MemoryContents } from '../memory-store.ts'
import { EffectWatch } from './effect-watch.ts'
import { scheduledStore, whileAlive, type Life } from './scheduled-store.ts'

const DAY_MS = 86_400_000
const LIMITS = { maxMessages: 10, maxBytes: 10_000 }

/** What a tab knows of a message it sent. */
interface Sent {
  readonly message: NewMessage
  state: 'offered' | 'queued' | 'failed'
  fates: Fate[]
  isCancelled: boolean
  /** The storage was declared to have lost it. */
  isLost: boolean
}

/** One hub after the other on one disk, the messages of a tab, and a server; and what must hold of them at any moment. */
export class OutboxWorld implements RaceWorld {
  readonly violations: string[] = []
  readonly clock: ReturnType<typeof createFakeClock> = createFakeClock()
  readonly server: ModelServer = new ModelServer()
  readonly sent: Map<Id, Sent> = new Map()
  contents: MemoryContents = emptyMemoryContents()
  runtime: Runtime | null = null
  /** Store calls that fail, and with what. */
  #failing: { times: number; code: HoldfastError['code'] } = { times: 0, code: 'storage-failed' }
  readonly #schedule: Schedule
  readonly #network: ScheduledNetwork
  readonly #holds: boolean
  /** What was told was not stored, or not stable, or not before the store at last began the restart that it had been asked for. */
  #mayLearnAgain: boolean
  #life: Life = { isAlive: false }
  #backup: MemoryContents | null = null
  #before: OutboxState | null = null
  readonly #recorded = new Set<Id>()
  readonly #watch = new EffectWatch((what) => this.#wrong(what))
  readonly #announced = new Set<Id>()
  readonly #everLeft = new Set<Id>()
  #toldHere = new Set<Id>()
  /** In the order in which they were offered first. */
  readonly #unanswered = new Set<readonly NewMessage[]>()
  #made = 0
  #wentBack = false

  /** @param options bit 1: acks are stable late; bit 2: what may repeat is held for the app */
  constructor(schedule: Schedule, options: number) {
    this.#schedule = schedule
    this.server.isLagging = this.#mayLearnAgain = (options & 1) === 1
    this.#holds = (options & 2) === 2
    this.#network = createScheduledNetwork((peer) => this.server.connect(peer), schedule)
    this.start()
  }

  start(): void {
    const life = (this.#life = { isAlive: true })
    this.#toldHere = new Set()
    const { contents } = this
    const clock = this.clock.beginning()
    const random = { fraction: () => 0, id: () => id(`made${++this.#made}`) }
    const mine = {
      ...clock,
      setTimer: (delayMs: number, run: () => void) => clock.setTimer(delayMs, () => life.isAlive && run()),
    }
    const failure = (name: string): HoldfastError['code'] | null =>
      name !== 'open' && this.#failing.times-- > 0 ? this.#failing.code : null
    const inner = createMemoryStore({ clock, random, limits: LIMITS, contents })
    const store = scheduledStore(inner, { life, schedule: this.#schedule, failure })
    void store.open().then((stored) => {
      this.runtime = createRuntime({
        settings: settings({ outbox: { mayRepeat: this.#holds ? 'hold' : 'send' } }),
        clock: mine,
        random,
        openSocket: this.#network.socketsOf(life, (text) => this.#leaves(text)),
        store,
        stored,
        askCredential: async () => {
          await this.#schedule('credential')
          await whileAlive(life)
          return 'secret'
        },
        notify: (notice) => life.isAlive && this.#hear(notice),
        log: () => {},
      })
      this.runtime.dispatch({ type: 'start' })
      for (const group of this.#unanswered) this.#offer(group)
    })
  }

  /** The worker dies and another starts, on the same disk or on what a backup kept of it. Nobody listens: what is stored now is what is told. */
  crash(arrives: boolean, goesBack: boolean = false): void {
    for (const { event } of this.contents.stored?.notices ?? []) event.mayRepeat.forEach((mid) => this.#announced.add(mid))
    this.#life.isAlive = false
    this.runtime = null
    this.#network.cut(arrives)
    if (goesBack && this.#backup) {
      this.contents = structuredClone(this.#backup)
      this.#before = null
      this.#wentBack = true
      // Nobody can say what becomes of a message that this store took in or ended since.
      const held = new Set(this.contents.stored?.outbox.entries.filter(({ skip }) => !skip).map((entry) => entry.id))
      for (const [mid, one] of this.sent) if (!held.has(mid)) one.isLost = true
      for (const one of this.sent.values()) one.isCancelled = false
      this.#watch.forget(this.contents.stored?.outbox ?? emptyOutbox(id('nobody'), id('nobody')), this.#everLeft)
    }
    this.start()
  }

  backUp(): void {
    this.#backup = structuredClone(this.contents)
  }

  send(count: number, data: string): void {
    const messages = Array.from({ length: count }, (): NewMessage => {
      return { id: id(`m${this.sent.size + ++this.#made * 100}`), channel: 'a', json: JSON.stringify(data) }
    })
    for (const message of messages) this.sent.set(message.id, { message, state: 'offered', fates: [], isCancelled: false, isLost: false })
    this.#unanswered.add(messages)
    this.#offer(messages)
  }

  cancel(choice: number): void {
    const entry = this.runtime?.state.outbox.entries.at(-1 - choice)
    const one = entry && this.sent.get(entry.id)
    if (one)
      this.runtime?.cancel(one.message.id).then(
        () => (one.isCancelled = true),
        () => {},
      )
  }

  /** What is parked is queued again under a new id, and then forgotten. */
  retry(): void {
    const runtime = this.runtime
    const [parked] = runtime?.parked.values() ?? []
    if (!runtime || !parked) return
    this.send(1, 'again')
    runtime.unpark(parked.id).catch(() => {})
  }

  loseServer(): void {
    this.server.loseAll()
  }

  failStore(times: number, code: HoldfastError['code']): void {
    this.#mayLearnAgain = true
    this.#failing = { times, code }
  }

  cut(arrives: boolean): void {
    this.#network.cut(arrives)
  }

  /** The machine sleeps, or nobody comes, for so long that messages expire; for longer still, and the server forgets its clients too. */
  sleep(days: number): void {
    if (days > 30) {
      this.server.cut()
      this.#network.cut(false)
      this.server.forgetClients()
    }
    this.clock.stall(days * DAY_MS)
  }

  check(): void {
    const outbox = this.contents.stored?.outbox
    if (!outbox) return
    for (const mid of this.contents.stored?.memory.fates.keys() ?? []) this.#recorded.add(mid)
    if (outbox !== this.#before) {
      this.#checkNumbers(outbox)
      this.#before = outbox
    }
    const held = new Set(outbox.entries.map((entry) => entry.id))
    for (const [mid, one] of this.sent)
      if (one.state === 'queued' && !one.isLost && !held.has(mid) && !this.#recorded.has(mid))
        this.#wrong(`[I1] ${mid} was told as queued and is neither stored nor ended`)
    for (const effect of this.#watch.fresh(this.server.effects))
      if (this.sent.get(effect.id)?.isCancelled) this.#wrong(`[OB14] ${effect.id} was cancelled and took effect`)
  }

  async heal(idle: () => Promise<void>): Promise<void> {
    this.#failing.times = 0
    this.server.isLagging = false
    // Frames that were lost on an open socket are not among the faults of TCP: that socket ends.
    if (this.server.hasLost) this.cut(true)
    this.server.losing = 0
    this.server.stabilise()
    await pass(idle, this.clock, 180)
    const waiting = this.runtime?.state.outbox.entries ?? []
    if (waiting.length > 0) this.#wrong(`[I32] ${JSON.stringify(waiting)} wait`)
    // An ack that could not be stored is made up for by the next one, or by the next hub.
    this.crash(true)
    await pass(idle, this.clock, 180)
    const state = this.runtime?.state
    if (state?.phase.name !== 'live') this.#wrong(`[I32] the phase is ${state?.phase.name}`)
    const left = this.contents.stored?.outbox.entries ?? []
    if (left.length > 0) this.#wrong(`[I32] ${JSON.stringify(left)} are left`)
    for (const [mid, one] of this.sent) {
      const effects = this.server.effects.filter((effect) => effect.id === mid)
      const final = one.fates.map(({ fate }) => fate)
      if (one.state === 'offered') this.#wrong(`[OB17] ${mid} was never answered`)
      if (one.isLost) continue
      if (one.state === 'failed' && !this.#recorded.has(mid) && effects.length > 0) this.#wrong(`[I5] ${mid} was refused and took effect`)
      if (one.state === 'queued' && effects.length + final.length === 0 && !this.#recorded.has(mid)) this.#wrong(`[I6] ${mid} is lost`)
      if (effects.length > 1 && !this.#announced.has(mid) && !this.#watch.isForgotten(mid))
        this.#wrong(`[I11] [I38] the app was not told that ${mid} may repeat, and the next hub will not do it`)
      if (final.includes('expired') && effects.length > 0 && !this.#wentBack) this.#wrong(`[I39] ${mid} had expired and took effect`)
    }
  }

  #offer(messages: readonly NewMessage[]): void {
    if (!this.runtime) return
    const life = this.#life
    const all = messages.flatMap((message) => this.sent.get(message.id) ?? [])
    this.runtime.send(messages).then(
      (answers) => {
        if (!life.isAlive) return
        this.#isAnswered(messages)
        answers.forEach((answer, at) => {
          const one = all[at]
          if (!one) return
          one.state = 'failed' in answer ? 'failed' : 'queued'
          if ('ended' in answer) one.fates.push(answer.ended)
        })
      },
      () => {
        if (!life.isAlive) return
        this.#isAnswered(messages)
        for (const one of all) one.state = 'failed'
      },
    )
  }

  #isAnswered(messages: readonly NewMessage[]): void {
    const [first] = this.#unanswered
    if (first !== messages) this.#wrong(`[OB16] ${messages[0]?.id} is answered before ${first?.[0]?.id}`)
    this.#unanswered.delete(messages)
  }

  #hear(notice: Notice): void {
    if (notice.type === 'error') this.#mayLearnAgain = true
    if (notice.type !== 'fates') return
    for (const fate of notice.fates) {
      if (this.#toldHere.has(fate.id) && !this.#mayLearnAgain) this.#wrong(`[OB13] the fate of ${fate.id} is told twice`)
      this.#toldHere.add(fate.id)
      this.sent.get(fate.id)?.fates.push(fate)
      const took = this.server.everTook.has(fate.id)
      if (fate.fate === 'applied' && !took) this.#wrong(`[I10] ${fate.id} is told as applied and took no effect`)
      if (fate.fate === 'rejected' && fate.reason === 'may-repeat') this.#announced.add(fate.id)
    }
  }

  /** A frame is about to leave. */
  #leaves(text: string): void {
    const frame = JSON.parse(text) as {
      type: string
      client?: Id
      confirmed?: number
      messages?: { n: number; id: Id }[]
      numbers?: { n: number; id: Id }[]
    }
    const outbox = this.contents.stored?.outbox
    if (!outbox) return
    if (frame.confirmed !== undefined && frame.confirmed > outbox.acked && (frame.client ?? outbox.client) === outbox.client)
      this.#wrong(`[I22] confirms ${frame.confirmed}, stored is ${outbox.acked}`)
    for (const { n, id: mid } of frame.messages ?? frame.numbers ?? []) {
      this.#everLeft.add(mid)
      const stored = outbox.entries[n - outbox.acked - 1]
      if (stored?.id !== mid || n > outbox.sentThrough) this.#wrong(`[OB2] ${mid} leaves as ${n} and is not stored as possibly sent`)
    }
  }

  #checkNumbers(outbox: OutboxState): void {
    outbox.entries.forEach(({ n }, at) => n !== outbox.acked + at + 1 && this.#wrong(`[I3] ${n} comes after ${outbox.acked + at}`))
    if (outbox.next !== outbox.acked + outbox.entries.length + 1) this.#wrong(`[I3] the next number is ${outbox.next}`)
    const held = new Set(outbox.entries.map((entry) => entry.id))
    for (const entry of this.#before?.entries ?? []) {
      const { client } = this.#before ?? outbox
      if (!held.has(entry.id) && !this.#recorded.has(entry.id) && !this.server.wasStable(client, entry.n, entry.id))
        this.#wrong(`[I2] ${entry.id} left the store without an ack or a fate`)
    }
    this.#watch.stored(outbox)
  }

  #wrong(what: string): void {
    this.violations.push(what)
  }
}
