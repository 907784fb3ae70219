import type { LiveCore } from '../../src/server/live-core.ts'
import type { Refusal } from '../../src/server/flush-run.ts'
import type { Link } from './link.ts'
import { Process } from './process.ts'
import { strangeAnswers, type Answer } from './strange-answers.ts'
import { Transit } from './transit.ts'
import type { World } from './world.ts'

/** How long a server waits for the body of a request. */
const BODY_MS = 10_000
/** A slow body takes at most so long, and a request that somebody on the way has kept comes again within as long. */
const SLOW_MS = 20_000
const REPEATED_MS = 60_000

/** What happens to one request, whatever the network is like: rows X of the table of faults. */
export type Meddling = 'other-token' | 'slow-body' | 'sent-twice' | 'page' | 'gateway'

/** One POST to the outbox endpoint, on a connection of its own. What HTTP says of it is simulated; what the flush gets is the product's word. */
export class Post {
  readonly #world: World
  readonly #link: Link
  readonly #client: Process
  readonly #transit: Transit
  readonly #token: string
  readonly #text: string
  readonly #body: Promise<void>
  #bodyCame = (): void => {}
  #server: Process | null = null
  #hear: ((answer: Answer | null) => void) | null = null

  constructor(world: World, link: Link, client: Process, token: string, text: string) {
    this.#world = world
    this.#link = link
    this.#client = client
    this.#token = token
    this.#text = text
    this.#transit = new Transit(world, link)
    this.#body = new Promise((resolve) => (this.#bodyCame = resolve))
  }

  /** Sends it; rejects when nothing comes back. What has left the machine goes on when the client goes, or gives up. */
  send(meddling: Meddling | undefined, signal?: AbortSignal): Promise<Answer> {
    const { random, schedule } = this.#world
    const { opens } = this.#link.conditions
    this.#link.posts.add(this)
    // A captive portal answers everything; others let nobody through.
    const isPortal = opens === 'refused' && random.next() < 0.5
    const isStrange = meddling === 'page' || meddling === 'gateway' || isPortal
    const answered = new Promise<Answer>((resolve, reject) => {
      this.#hear = (answer) => (answer ? resolve(answer) : reject(new Error('nothing came back')))
      signal?.addEventListener('abort', () => this.#end(null))
    })
    if (isStrange) {
      const strange = this.#world.pick(strangeAnswers(meddling === 'gateway', this.#text)) ?? null
      schedule.at(2 * this.#link.latencyMs(), () => this.#client.post(() => this.#end(strange)))
    }
    if (opens !== 'normally') {
      if (!isStrange) this.cut(2 * this.#link.latencyMs())
      // Whatever somebody in between makes of the answer, what came through has its effect.
    } else if (!isStrange || random.next() < 0.5) this.#leave(meddling === 'slow-body' ? random.next() * SLOW_MS : 0)
    if (meddling === 'sent-twice') {
      const again = new Post(this.#world, this.#link, new Process(schedule, 'proxy'), this.#token, this.#text)
      schedule.at(random.next() ** 2 * REPEATED_MS, () => void again.send(undefined).catch(() => {}))
    }
    return answered
  }

  /** The connection breaks; what is on its way is lost. `null`: the client is not told. */
  cut(clientAfterMs: number | null): void {
    this.#transit.isCut = true
    if (clientAfterMs !== null) this.#world.schedule.at(clientAfterMs, () => this.#client.post(() => this.#end(null)))
  }

  /** What was held may pass, if the conditions let it. */
  goOn(): void {
    this.#transit.goOn()
  }

  #end(answer: Answer | null): void {
    this.#link.posts.delete(this)
    this.#hear?.(answer)
    this.#hear = null
  }

  #leave(bodyAfterMs: number): void {
    this.#transit.send('up', 0, () => this.#arrive())
    const bodyLeaves = (): void => this.#transit.send('up', this.#text.length, () => this.#server?.post(() => this.#bodyCame()))
    if (bodyAfterMs > 0) this.#world.schedule.at(bodyAfterMs, bodyLeaves)
    else bodyLeaves()
  }

  #arrive(): void {
    const { server } = this.#world
    if (!server.isListening) return this.cut(this.#link.latencyMs())
    const { process, core } = server
    this.#server = process
    process.onEnd(() => this.cut(this.#transit.holds('down') ? null : this.#link.latencyMs()))
    process.post(() => void this.#serve(core, process))
  }

  /** What the product's endpoint does between the request and the desk. */
  async #serve(core: LiveCore, process: Process): Promise<void> {
    const ticket = await core.flushes.enter(this.#token)
    if (ticket === 'unauthenticated') return this.#refuse(process, { reason: ticket })
    if (typeof ticket === 'string') return this.#refuse(process, { reason: 'busy' })
    try {
      const late = new Promise<'late'>((resolve) => void process.after(BODY_MS, () => resolve('late')))
      if ((await Promise.race([this.#body, late])) === 'late') return this.#refuse(process, { reason: 'busy' })
      const { flushes } = this.#world.check
      const answer = await flushes.watch(core, this.#token, this.#text, () => core.flushes.apply(ticket, this.#text))
      if (typeof answer === 'string') this.#answer(process, { status: 200, text: answer })
      else this.#refuse(process, answer)
    } finally {
      core.flushes.leave(ticket)
    }
  }

  #refuse(process: Process, refusal: Refusal): void {
    this.#answer(process, { status: 409, text: JSON.stringify({ type: 'flush_refused', ...refusal }) })
  }

  #answer(process: Process, answer: Answer): void {
    // What was asked of an engine by a server that has ended meanwhile may still be answered, to nobody.
    if (!process.isAlive) return
    this.#transit.send('down', answer.text?.length ?? 0, () => this.#client.post(() => this.#end(answer)))
  }
}
