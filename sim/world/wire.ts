import { EVERYTHING, IncomingFrames } from '../../src/protocol/incoming.ts'
import type { Socket, SocketListener } from '../../src/core/ports.ts'
import { afterClose, CLOSE, type CloseName } from '../../src/protocol/index.ts'
import type { Frame, ServerSocket, SocketEvents } from '../../src/server/ports.ts'
import type { Link } from './link.ts'
import type { Process } from './process.ts'
import { Transit } from './transit.ts'
import type { World } from './world.ts'

/** "Closed abnormally": what a browser says of a connection that broke. */
const BROKEN = 1006
/** What a server's socket takes before it says that the network is behind. */
const HIGH_WATER_BYTES = 16_384
/** How long a server waits for the other half of a close. */
const CLOSE_TIMEOUT_MS = 5_000

/** One TCP connection with a WebSocket on it. */
export class Wire implements ServerSocket {
  readonly id: number
  readonly link: Link
  readonly hub: Process
  /** When a frame was last delivered to the hub. */
  heardMs = 0
  isOpen = false
  hasClientEnded = false
  readonly #world: World
  readonly #transit: Transit
  readonly #listener: SocketListener
  #events: SocketEvents | null = null
  #server: Process | null = null
  #hasServerEnded = false
  #isServerClosing = false
  #isBehind = false
  #bytesDown = 0
  /** What both sides say, in messages. */
  readonly #said = { up: new IncomingFrames(EVERYTHING), down: new IncomingFrames(EVERYTHING) }

  constructor(world: World, link: Link, hub: Process, listener: SocketListener) {
    this.#world = world
    this.link = link
    this.hub = hub
    this.#listener = listener
    this.#transit = new Transit(world, link)
    this.id = world.nextWire++
    // The system closes what a process leaves behind.
    hub.onEnd(() => this.#clientEnds())
  }

  /** The client's end. */
  open(): Socket {
    const { opens } = this.link.conditions
    if (opens === 'refused') this.cut(this.link.latencyMs(), null)
    else this.#transit.send('up', 0, () => this.#arrive())
    if (opens === 'closed-at-once') this.#world.schedule.at(2 * this.link.latencyMs() + 5, () => this.cut(0, 0))
    return {
      send: (text) => {
        if (this.hasClientEnded || !this.hub.isAlive) return
        const said = this.#said.up.take(text)
        if (said.type === 'message') {
          this.#world.check.wires.clientSays(this, said.text)
          this.#world.check.rates.clientSays(this, said.text)
        }
        this.#transit.send('up', text.length, () => this.#atServer((events) => events.text(text)))
      },
      bufferedBytes: () => this.#transit.heldBytes('up'),
      close: () => this.#clientEnds(),
    }
  }

  send({ text }: Frame): void {
    if (this.#isServerClosing || this.#server?.isAlive !== true) return
    const said = this.#said.down.take(text)
    if (said.type === 'message') this.#world.check.wires.serverSays(this, said.text)
    const bytes = text.length
    this.#bytesDown += bytes
    if (this.#bytesDown > HIGH_WATER_BYTES) this.#isBehind = true
    this.#transit.send('down', bytes, () => {
      this.#bytesDown -= bytes
      if (this.#bytesDown === 0 && this.#isBehind) {
        this.#isBehind = false
        this.#atServer((events) => events.drained())
      }
      this.#atClient(() => {
        this.heardMs = this.#world.schedule.nowMs
        this.#world.check.wires.clientHears(this, text)
        this.#listener.frame(text)
      })
    })
  }

  close(name: CloseName): void {
    if (this.#isServerClosing) return
    this.#isServerClosing = true
    this.#world.trace('close', this.id, name)
    if (name === 'rate') this.#world.check.rates.closed(this)
    // On a line that was cut nothing moves, and the server may not have been told.
    if (name === 'slowConsumer' && !this.#transit.isCut) this.#world.check.pace.closedAsSlow(this)
    if (name === 'signedOut') this.#world.check.wires.signedOut(this)
    if (name === 'replaced') this.#world.check.wires.replaced(this)
    this.#transit.send('down', 0, () => {
      this.#tellClient(CLOSE[name].code)
      this.#world.schedule.at(this.link.latencyMs(), () => this.#tellServer())
    })
    this.#world.schedule.at(CLOSE_TIMEOUT_MS, () => this.#tellServer())
  }

  hold(isHeld: boolean): void {
    this.#transit.hold(isHeld)
  }

  bufferedBytes(): number {
    return this.#bytesDown
  }

  isDraining(): boolean {
    return this.#isBehind
  }

  /** Something comes that the server never said. */
  forge(text: string): void {
    this.#transit.send('down', text.length, () => this.#atClient(() => this.#listener.frame(text)))
  }

  /** The connection breaks; what is on its way is lost. `null`: that side is not told. */
  cut(clientAfterMs: number | null, serverAfterMs: number | null): void {
    if (this.#transit.isCut) return
    this.#transit.isCut = true
    if (clientAfterMs !== null) this.#world.schedule.at(clientAfterMs, () => this.#tellClient(BROKEN))
    if (serverAfterMs !== null) this.#world.schedule.at(serverAfterMs, () => this.#tellServer())
  }

  /** What was held may pass, if the conditions let it. */
  goOn(): void {
    this.#transit.goOn()
  }

  /** The request has come to the server's machine. */
  #arrive(): void {
    if (this.hasClientEnded) return this.#forget()
    const { server } = this.#world
    if (!server.isListening) return this.cut(this.link.latencyMs(), null)
    const { process, core } = server
    process.post(() => {
      if (this.hasClientEnded || this.#transit.isCut) return
      this.#server = process
      // Through a silent network nobody hears that the server's machine let go.
      process.onEnd(() => this.cut(this.#transit.holds('down') ? null : this.link.latencyMs(), null))
      this.#events = core.accept(this, { headers: {}, origin: undefined, remoteAddress: this.link.name })
      this.#transit.send('down', 0, () =>
        this.#atClient(() => {
          this.isOpen = true
          this.heardMs = this.#world.schedule.nowMs
          this.#listener.opened()
        }),
      )
    })
  }

  #clientEnds(): void {
    if (this.hasClientEnded) return
    this.hasClientEnded = true
    this.#world.check.tries.ended(this.hub)
    this.#transit.send('up', 0, () => this.#tellServer())
    this.#forget()
  }

  #atClient(run: () => void): void {
    this.hub.post(() => {
      if (!this.hasClientEnded) run()
    })
  }

  #atServer(run: (events: SocketEvents) => void): void {
    const events = this.#events
    if (events) this.#server?.post(() => !this.#hasServerEnded && run(events))
  }

  #tellClient(code: number): void {
    this.#atClient(() => {
      this.hasClientEnded = true
      this.#forget()
      this.#world.check.tries.ended(this.hub)
      if (afterClose(code) === 'refuse') this.#world.check.tries.refused(this.hub)
      this.#listener.closed(code)
    })
  }

  #tellServer(): void {
    this.#atServer((events) => {
      this.#hasServerEnded = true
      events.closed()
    })
  }

  #forget(): void {
    this.link.wires.delete(this)
  }
}
