import { AdmittedConnection, type Admitted } from './admitted-connection.ts'
import type { ClientLane } from './client-lane.ts'
import { closeRefusal, credentialRefusal, SEND_ONLY_ROOM, sessionsRefusal, userRefusal, versionRefusal } from './close-refusals.ts'
import type { ConnectionHost } from './connection-host.ts'
import { ConnectionWatch } from './connection-watch.ts'
import { checkCredential } from './credentials.ts'
import { hashToken } from './hash-token.ts'
import type { Holder } from './holder.ts'
import { Inbox } from './inbox.ts'
import { isTakenWhileClosing } from './is-taken-while-closing.ts'
import { announcesOtherVersion, SPOKEN } from './other-version.ts'
import { Outbound } from './outbound.ts'
import { limitsBeforeHello, limitsOfConnection } from './incoming-limits.ts'
import type { Party } from './party.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from './ports.ts'
import { ReadingPace } from './reading-pace.ts'
import type { Refusal } from './refusals.ts'
import { SendOnlyConnection } from './send-only-connection.ts'
import type { RightsBearer } from './rights.ts'
import type { Guest } from './send-only-desk.ts'
import type { UpwardAdmission } from './upstream.ts'
import { FEATURES } from '../protocol/frames.ts'
import { decodeClientMessage, PROTOCOL_VERSION, type CloseName } from '../protocol/index.ts'
import type { Answer, Hello, Id, ServerMessage } from '../protocol/messages.ts'

/** Bytes that a close can carry; what is said in one is ASCII. */
const REASON_LENGTH = 123

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
  readonly #pace: ReadingPace
  readonly #inbox: Inbox
  readonly #watch: ConnectionWatch
  #phase: 'waiting' | 'opening' | 'open' | 'closed' = 'waiting'
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
    this.#pace = new ReadingPace(limits, clock, host.standstill)
    this.#inbox = new Inbox({
      clock,
      socket,
      pace: this.#pace,
      fairTurns: host.fairTurns,
      frameBytes: limits.frameBytes,
      isBusy: () => this.#phase === 'opening' || this.#admitted?.isBusy() === true,
      take: (text) => this.#receive(text),
      overrun: () => this.close('rate', 'P60: more than one message waits'),
    })
    this.#outbound = new Outbound(socket, {
      flusher: host.flusher,
      incoming: limitsBeforeHello(limits),
      nowMs: () => host.standstill.awakeMs(clock.nowMs()),
      outboundBytes: limits.outboundBytes,
      frameBytes: limits.frameBytes,
      lost: (receiver, lost) => this.#admitted?.lost?.(receiver, lost),
    })
    this.#watch = new ConnectionWatch(host.settings, this.#outbound, host.standstill)
  }

  text(frame: string): void {
    if (this.#isClosed()) return
    this.#watch.heard()
    const heard = this.#outbound.line.receive(frame)
    if (heard.type === 'bad') return heard.isTooLarge ? this.close('tooLarge') : this.close('badMessage', 'P47: no frame of the protocol')
    if (heard.type === 'report' && heard.isNew) return this.#outbound.moved()
    // Parts are paid for with the whole.
    if (heard.type === 'message') this.#inbox.push(heard.text)
    else if (heard.type !== 'part') this.#inbox.passed()
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
    this.#inbox.passed()
  }

  drained(): void {
    this.#outbound.drained()
  }

  closed(): void {
    this.#end()
    this.#host.sockets.gone(this)
  }

  /** Closes the socket for a reason of the table, with a sentence of its own or the name. Nothing is read or sent any more. */
  close(name: CloseName, why?: string): void {
    if (this.#isClosed()) return
    this.#outbound.finish(name)
    this.#end()
    this.#host.count(`closes.${name}`)
    this.#host.gate.refusals.tell(closeRefusal(name))
    this.#socket.close(name, why?.slice(0, REASON_LENGTH))
  }

  crowd(): void {
    this.#admitted?.flush()
    this.end('busy')
  }

  #refuse(name: CloseName, refusal: Refusal, why?: string): void {
    this.#host.gate.refusals.tell(refusal)
    this.close(name, why)
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
    const end = this.#watch.overdue(this.#phase, this.#inbox.isHeld)
    if (end !== null) return this.close(end)
    if (this.#phase === 'open') this.#admitted?.tick(nowMs, this.#outbound.line.in.held > 0)
  }

  #receive(text: string): void {
    const decoded = decodeClientMessage(text)
    if (!decoded.ok)
      return announcesOtherVersion(text)
        ? this.#refuse('version', versionRefusal(), SPOKEN)
        : this.close('badMessage', `P1: ${decoded.error}`)
    const { message } = decoded
    if ((message.type === 'hello') !== (this.#phase === 'waiting')) return this.close('badMessage', 'P4: hello comes first, and once')
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
    if (hello.protocol !== PROTOCOL_VERSION) return this.#refuse('version', versionRefusal(hello.protocol), SPOKEN)
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
    const verdict = await checkCredential(hooks.authenticate, clock, this.#host, hello.credential, this.#request)
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
    this.#inbox.go()
  }

  /** The app is not asked who it is, and no session is touched: the token says that. */
  async #enterSendOnly(hello: Hello, token: string): Promise<void> {
    const { sendOnly, started } = this.#host
    await started
    if (this.#isClosed()) return
    const pass = sendOnly.enter(token, hello, this)
    if (typeof pass === 'string') return pass === 'busy' ? this.#refuse(pass, SEND_ONLY_ROOM) : this.close(pass)
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
    this.#inbox.go()
  }

  /** Enters the lane of the client; `null` when the connection has ended meanwhile. */
  async #upward(hello: Hello, holder: Holder, party: Party): Promise<UpwardAdmission | null> {
    this.#inbox.holder = `${holder.pool} ${holder.name}`
    const lane = (this.#lane = this.#host.lanes.enter(hello.client, this))
    await Promise.all([lane.load(), this.#host.fairTurns.turnOf(this.#inbox.holder)])
    if (this.#isClosed()) return null
    const goOn = (): void => this.#inbox.go()
    const close = (name: CloseName, why?: string): void => this.close(name, why)
    return { party, holder, lane, confirmed: hello.confirmed, outbound: this.#outbound, pace: this.#pace, goOn, close }
  }

  #open(admitted: Admitted, user: string | null, say: (answer: Answer) => ServerMessage): void {
    const { announced: limits, heartbeat, limits: taken } = this.#host.settings
    const { ledger, reach } = this.#host.engine
    this.#admitted = admitted
    this.#phase = 'open'
    this.#outbound.line.in.limits = limitsOfConnection(taken)
    this.#outbound.send(say({ protocol: PROTOCOL_VERSION, user, ledger, reach, limits, heartbeat, features: FEATURES, ...admitted.said() }))
  }

  #isClosed(): boolean {
    return this.#phase === 'closed'
  }

  /** Lets go of everything. */
  #end(): void {
    if (this.#isClosed()) return
    this.#phase = 'closed'
    this.#outbound.end()
    this.#inbox.end()
    this.#admitted?.end()
    this.#leave()
    this.#host.rights.leave(this)
    this.#host.left(this)
    if (this.#lane !== undefined) this.#host.lanes.leave(this.#lane, this)
  }
}
