import { AdmittedConnection, type Admitted } from './admitted-connection.ts'
import type { ClientLane } from './client-lane.ts'
import { closeRefusal, credentialRefusal, sessionsRefusal, userRefusal, versionRefusal } from './close-refusals.ts'
import type { ConnectionHost } from './connection-host.ts'
import { ConnectionWatch } from './connection-watch.ts'
import { checkCredential } from './credentials.ts'
import { EarlyMessages } from './early-messages.ts'
import { hashToken } from './hash-token.ts'
import type { Holder } from './holder.ts'
import { isTakenWhileClosing } from './is-taken-while-closing.ts'
import { announcesOtherVersion } from './other-version.ts'
import { Outbound } from './outbound.ts'
import { limitsBeforeHello, limitsOfConnection } from './incoming-limits.ts'
import type { Party } from './party.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './ports.ts'
import { RateBucket } from './rate-bucket.ts'
import type { Refusal } from './refusals.ts'
import { SendOnlyConnection } from './send-only-connection.ts'
import type { RightsBearer } from './rights.ts'
import type { Guest } from './send-only-desk.ts'
import type { UpwardAdmission } from './upstream.ts'
import type { CloseName } from '../protocol/close-codes.ts'
import { UNCOUNTED_UNITS } from '../protocol/frames.ts'
import { decodeClientMessage, PROTOCOL_VERSION } from '../protocol/index.ts'
import type { Answer, Hello, Id, ServerMessage } from '../protocol/messages.ts'

/** One accepted socket, from the upgrade to its end. It knows no network: its host brings text in and takes frames out. */
export class Connection implements SocketEvents, Guest, RightsBearer {
  /** Session and connection number, from the moment they are known. */
  session: Id | undefined
  number = 0
  user: string | null = null
  claimed: Id | undefined
  readonly #socket: ServerSocket
  readonly #host: ConnectionHost
  readonly #request: UpgradeRequest
  readonly #outbound: Outbound
  readonly #frames: RateBucket
  readonly #watch: ConnectionWatch
  #phase: 'waiting' | 'opening' | 'open' | 'closed' = 'waiting'
  readonly #early: EarlyMessages
  #lane: ClientLane | undefined
  #admitted: Admitted | undefined
  /** Gives back what a connection that only sends has taken. */
  #leave = (): void => {}
  #isGuest = false

  constructor(socket: ServerSocket, request: UpgradeRequest, host: ConnectionHost) {
    this.#socket = socket
    this.#request = request
    this.#host = host
    const { clock, limits } = host.settings
    // The announced rate is what a client keeps to; twice of it is what closes it.
    this.#frames = new RateBucket(2 * limits.framesPerSecond, limits.frameBurst, clock.nowMs())
    this.#early = new EarlyMessages(limits.frameBytes)
    this.#outbound = new Outbound(socket, {
      flusher: host.flusher,
      incoming: limitsBeforeHello(limits),
      nowMs: () => clock.nowMs(),
      outboundBytes: limits.outboundBytes,
      frameBytes: limits.frameBytes,
      lost: (receiver, lost) => this.#admitted?.lost?.(receiver, lost),
      overflowed: () => this.close('slowConsumer'),
    })
    this.#watch = new ConnectionWatch(host.settings, this.#outbound)
  }

  text(frame: string): void {
    if (this.#isClosed()) return
    this.#watch.heard()
    const heard = this.#outbound.line.receive(frame)
    if (heard.type === 'bad') return this.close(heard.isTooLarge ? 'tooLarge' : 'badMessage')
    if (heard.type === 'report' && heard.isNew) return this.#outbound.moved()
    // What is more than the others pays for itself; parts are paid for with the whole.
    const mayCome = heard.type === 'part' || (heard.type === 'message' && heard.text.length >= UNCOUNTED_UNITS) || this.#mayCome()
    if (!mayCome || heard.type !== 'message') return
    if (this.#phase !== 'opening') this.#receive(heard.text)
    else if (!this.#early.keep(heard.text)) this.close('rate')
  }

  get isOpen(): boolean {
    return this.#phase === 'open'
  }

  binary(): void {
    this.close('binary')
  }

  control(): void {
    if (this.#isClosed()) return
    this.#watch.heard()
    this.#mayCome()
  }

  drained(): void {
    this.#outbound.drained()
  }

  closed(): void {
    this.#end()
    this.#host.sockets.gone(this)
  }

  /** Closes the socket for a reason of the table. Nothing of this connection is read or sent any more. */
  close(name: CloseName): void {
    if (this.#isClosed()) return
    this.#outbound.finish(name)
    this.#end()
    this.#host.count(`closes.${name}`)
    this.#host.gate.refusals.tell(closeRefusal(name))
    this.#socket.close(name)
  }

  crowd(): void {
    this.#admitted?.flush()
    this.end('busy')
  }

  #refuse(name: CloseName, refusal: Refusal): void {
    this.#host.gate.refusals.tell(refusal)
    this.close(name)
  }

  /** Closes the socket; what came on it and was not begun is not applied any more. */
  end(name: CloseName): void {
    this.#admitted?.refuse()
    // Of a credential that was not judged yet nobody can say that it is not good: its client is to come again.
    this.close(name === 'unauthenticated' && this.#phase === 'opening' && !this.#isGuest ? 'goingAway' : name)
  }

  unsubscribe(channel: string): void {
    this.#admitted?.unsubscribe?.(channel)
  }

  async whenIdle(): Promise<void> {
    await this.#lane?.whenIdle()
    await this.#admitted?.parting
  }

  /** The server goes: says when to come back, and closes. */
  goodbye(retryMinMs: number, retryMaxMs: number): void {
    this.#admitted?.flush()
    this.#outbound.send({ type: 'goodbye', retryMinMs, retryMaxMs })
    this.close('restart')
  }

  /** Looks at every time limit of the connection; called about once a second. */
  tick(nowMs: number): void {
    if (this.#isClosed()) return
    const end = this.#watch.overdue(this.#phase, nowMs)
    if (end !== null) return this.close(end)
    if (this.#phase === 'open') this.#admitted?.tick(nowMs, this.#outbound.line.in.held > 0)
  }

  /** Whether one frame more may come now; the connection is closed when not. */
  #mayCome(): boolean {
    if (!this.#frames.take(1, this.#host.settings.clock.nowMs())) this.close('rate')
    return !this.#isClosed()
  }

  #receive(text: string): void {
    const decoded = decodeClientMessage(text)
    if (!decoded.ok) return announcesOtherVersion(text) ? this.#refuse('version', versionRefusal()) : this.close('badMessage')
    const { message } = decoded
    if ((message.type === 'hello') !== (this.#phase === 'waiting')) return this.close('badMessage')
    if (this.#host.isClosing && !isTakenWhileClosing(message)) return this.#host.count('dropped.frames')
    if (message.type === 'hello') {
      this.#phase = 'opening'
      this.#watch.begin()
      this.#host.guard(this.#enter(message), this)
    } else {
      try {
        this.#admitted?.handle(message, text.length)
      } catch (error) {
        this.#host.failed(error, this)
      }
    }
  }

  async #enter(hello: Hello): Promise<void> {
    if (hello.protocol !== PROTOCOL_VERSION) return this.#refuse('version', versionRefusal(hello.protocol))
    const { outboxToken } = hello
    this.#outbound.meet(hello)
    this.#isGuest = outboxToken !== undefined
    this.user = hello.user
    this.claimed = hello.session?.id
    this.#host.rights.enter(this)
    await (outboxToken === undefined ? this.#enterSession(hello) : this.#enterSendOnly(hello, outboxToken))
  }

  async #enterSession(hello: Hello): Promise<void> {
    const { settings, engine, resumes, started } = this.#host
    const { hooks, clock, random } = settings
    const verdict = await checkCredential(hooks.authenticate, clock, (entry) => this.#host.log(entry), hello.credential, this.#request)
    if (!verdict.isAccepted) return this.#refuse(verdict.close, credentialRefusal(hello.credential, verdict.close))
    if (verdict.user !== hello.user) return this.#refuse('wrongUser', userRefusal(hello.user, verdict.user))
    await started
    if (this.#isClosed()) return
    const { user } = verdict
    const resume = hello.session === null ? null : { id: hello.session.id, tokenHash: hashToken(hello.session.token) }
    // Only who has the token can spend its rate: counted before anything is fenced, forgotten when it resumes nothing.
    if (resume !== null && !resumes.take(resume.tokenHash, clock.nowMs())) return this.close('rate')
    const fresh = { id: random.id(), token: random.token() }
    const holder = this.#host.budgets.holderOf(hello, this.#request)
    const admitted = await engine.admit({ resume, user, holder, fresh: { id: fresh.id, tokenHash: hashToken(fresh.token) } })
    if (admitted === null) {
      this.#host.count('refused.sessions')
      return this.#refuse('busy', sessionsRefusal(settings.sessions.max))
    }
    if (this.#isClosed()) return
    if (resume !== null && !admitted.resumed) {
      resumes.forget(resume.tokenHash)
      this.#host.count('refused.resume')
    }
    this.session = this.claimed = admitted.session
    this.number = admitted.connection
    if (!this.#host.entered(this)) return this.end('replaced')
    const upward = await this.#upward(hello, holder, { user, session: admitted.session, sender: hello.sender, context: verdict.context })
    if (upward === null) return
    const connection = new AdmittedConnection(this.#host, {
      ...upward,
      session: admitted.session,
      client: hello.client,
      request: this.#request,
      credentialEndsAtMs: verdict.endsAtMs,
      guard: (work) => this.#host.guard(work, this),
    })
    const outboxToken = this.#host.sendOnly.tokenFor(hello.client, user, verdict.expiresAtMs)
    const given = { connection: this.number, ...(outboxToken === null ? {} : { outboxToken }) }
    this.#open(connection, user, (answer) =>
      admitted.resumed
        ? { type: 'session_restored', session: { id: admitted.session }, ...answer, ...given }
        : { type: 'session_init', session: fresh, ...answer, ...given },
    )
    connection.begin(hello.subscriptions)
    this.#receiveEarly()
  }

  /** The app is not asked who it is, and no session is touched: the token says that. */
  async #enterSendOnly(hello: Hello, token: string): Promise<void> {
    const { sendOnly, started } = this.#host
    await started
    if (this.#isClosed()) return
    const pass = sendOnly.enter(token, hello, this)
    if (typeof pass === 'string') return this.close(pass)
    this.#leave = () => pass.leave()
    const asked = await pass.ask()
    if (typeof asked === 'string') return this.close(asked)
    if (this.#isClosed()) return
    const holder = this.#host.budgets.holderOf(hello, this.#request)
    const upward = await this.#upward(hello, holder, { user: hello.user, session: null, sender: hello.sender, ...asked })
    if (upward === null) return
    const connection = new SendOnlyConnection(this.#host, upward)
    this.#host.count('admitted.sendOnly')
    this.#open(connection, hello.user, (answer) => ({ type: 'send_only', ...answer }))
    connection.flush()
    this.#receiveEarly()
  }

  /** Enters the lane of the client; `null` when the connection has ended meanwhile. */
  async #upward(hello: Hello, holder: Holder, party: Party): Promise<UpwardAdmission | null> {
    const lane = (this.#lane = this.#host.lanes.enter(hello.client, this))
    await lane.load()
    if (this.#isClosed()) return null
    return { party, holder, lane, confirmed: hello.confirmed, outbound: this.#outbound, close: (name) => this.close(name) }
  }

  #open(admitted: Admitted, user: string | null, say: (answer: Answer) => ServerMessage): void {
    const { settings, engine } = this.#host
    this.#admitted = admitted
    this.#phase = 'open'
    const { announced: limits, heartbeat } = settings
    this.#outbound.line.in.limits = limitsOfConnection(settings.limits)
    const { ledger, reach } = engine
    this.#outbound.send(say({ protocol: PROTOCOL_VERSION, user, ledger, ...admitted.said(), reach, limits, heartbeat }))
  }

  #receiveEarly(): void {
    for (const text of this.#early.take()) if (!this.#isClosed()) this.#receive(text)
  }

  #isClosed(): boolean {
    return this.#phase === 'closed'
  }

  /** Lets go of everything. */
  #end(): void {
    if (this.#isClosed()) return
    this.#phase = 'closed'
    this.#outbound.end()
    this.#early.take()
    this.#admitted?.end()
    this.#leave()
    this.#host.rights.leave(this)
    this.#host.left(this)
    if (this.#lane !== undefined) this.#host.lanes.leave(this.#lane, this)
  }
}
