import type { ConnectionHost } from './connection-host.ts'
import { checkCredential } from './credentials.ts'
import { HOOK_MS, within } from './deadline.ts'
import type { LostPlace } from './channel-log.ts'
import type { UpgradeRequest } from './ports.ts'
import { answerRecall } from './recall.ts'
import type { Receiver } from './receiver.ts'
import { Subscriptions } from './subscriptions.ts'
import { openUpstream, type Upstream, type UpwardAdmission } from './upstream.ts'
import { VolatileMessages } from './volatile-messages.ts'
import type { Answer, ClientMessage, Hello, Id, SubscribeRequest } from '../protocol/index.ts'

/** How long before its end a fresh credential is asked for. */
const CREDENTIAL_NOTICE_MS = 60_000

/**
 * A credential that lives shorter than that is asked for again when half of it is over, so that short ones do not mean
 * asking without end.
 */
function noticeMs(endsAtMs: number, nowMs: number): number {
  return Math.min(CREDENTIAL_NOTICE_MS, (endsAtMs - nowMs) / 2)
}
/** What may be asked at a time that takes the server long; what comes then is read when one of them is answered. */
const MAX_QUESTIONS = 16
/** Time for what was begun to commit after `sign_out`. */
const SIGN_OUT_MS = 2_000
const PONG = '{"type":"pong"}'

/** Who was admitted, and over which socket it is reached. */
export interface Admission extends UpwardAdmission {
  readonly session: Id
  readonly client: Id
  /** When the credential ends, as a time of `clock.nowMs()`. */
  readonly credentialEndsAtMs: number
  readonly request: UpgradeRequest
  /** Ends the connection when the work fails. */
  readonly guard: (work: Promise<void>) => void
}

/** What a connection is after its `hello` was accepted. */
export interface Admitted {
  /** What the answer to `hello` says of the client. */
  said(): Pick<Answer, 'client' | 'begun'>
  /** Whether nothing is to be read before something that is under way has ended. */
  isBusy(): boolean
  /** Takes one message of the client; `length` is that of its frame, in UTF-16 units. */
  handle(message: Exclude<ClientMessage, Hello>, length: number): void
  /** Looks at its time limits; `isArriving` while a message comes in parts. */
  tick(nowMs: number, isArriving: boolean): void
  /** Tells now what is committed. */
  flush(): void
  /** What came on this connection and was not begun is not applied any more. */
  refuse(): void
  /** Under way once the client has asked to end its session; resolves when it is closed for that. */
  readonly parting?: Promise<void> | undefined
  /** The connection is gone. */
  end(): void
  /** The right to read a channel has ended. */
  unsubscribe?(channel: string): void
  /** A receiver's place is not in the log any more. */
  lost?(receiver: Receiver, lost: LostPlace): void
}

/** A connection with a session: what it may say, and what becomes of it. */
export class AdmittedConnection implements Admitted {
  readonly #host: ConnectionHost
  readonly #admission: Admission
  readonly #upstream: Upstream
  readonly #subscriptions: Subscriptions
  readonly #volatile: VolatileMessages
  #credentialEndsAtMs: number
  #noticeMs: number
  #wasCredentialAskedFor = false
  #stopWatch = (): void => {}
  #credentialRound = 0
  /** Credentials that the app is judging. */
  #checking = 0
  #hasEnded = false
  #questions = 0
  #hasSignedOut = false
  parting: Promise<void> | undefined

  constructor(host: ConnectionHost, admission: Admission) {
    this.#host = host
    this.#admission = admission
    this.#credentialEndsAtMs = admission.credentialEndsAtMs
    this.#noticeMs = noticeMs(admission.credentialEndsAtMs, host.settings.clock.nowMs())
    const { settings, engine, handler, channels, snapshots, rights } = host
    const { party, holder, client, outbound, close, guard } = admission
    const count = (name: string, times?: number): void => host.count(name, times)
    this.#upstream = openUpstream(host, admission)
    this.#subscriptions = new Subscriptions({
      clock: settings.clock,
      party,
      outbound,
      channels,
      snapshots,
      rights,
      maxChannels: settings.limits.channels,
      places: host.budgets.subscriptions.of(holder),
      turns: host.budgets.turnsOf(holder),
      count,
      guard,
    })
    const most = settings.limits.sendWindow
    this.#volatile = new VolatileMessages({ party, holder, client, handler, engine, most, count, failed: () => close('internal') })
  }

  said(): Pick<Answer, 'client' | 'begun'> {
    return this.#upstream.said()
  }

  /** After the answer: tells what is owed, and opens the channels that `hello` named. */
  begin(subscriptions: readonly SubscribeRequest[]): void {
    this.#upstream.flush()
    this.tick(this.#host.settings.clock.nowMs())
    this.#watchCredential()
    this.#subscribe(subscriptions)
  }

  isBusy(): boolean {
    return this.#questions >= MAX_QUESTIONS
  }

  handle(message: Exclude<ClientMessage, Hello>, length: number): void {
    if (this.#hasSignedOut) return
    switch (message.type) {
      case 'send':
        this.#upstream.send(message, length)
        break
      case 'skip':
        this.#upstream.skip(message)
        break
      case 'volatile':
        this.#admission.pace.messages(message.messages.length)
        this.#volatile.take(message.messages)
        break
      case 'subscribe':
        this.#subscribe(message.subscriptions)
        break
      case 'unsubscribe':
        this.#subscriptions.close(message.subs)
        break
      case 'snapshot_request':
        this.#admission.pace.subscriptions(1)
        this.#subscriptions.request(message.sub, message.from)
        break
      case 'recall': {
        const { engine, lanes, sendOnly, settings } = this.#host
        const host = { engine, lanes, sendOnly, frameBytes: settings.limits.frameBytes }
        const { party, client: own, outbound } = this.#admission
        this.#ask(async () => outbound.sendText(await answerRecall(host, party.user, own, message)))
        break
      }
      case 'authenticate':
        this.#ask(() => this.#authenticateAgain(message.credential))
        break
      case 'ping':
        this.#admission.outbound.sendText(PONG)
        break
      case 'sign_out':
        this.#admission.guard((this.parting = this.#signOut()))
    }
  }

  /** Asks for a fresh credential when the present one nears its end, and closes the connection at its end. */
  tick(nowMs: number): void {
    const leftMs = this.#credentialEndsAtMs - nowMs
    // One that was given in time is judged first, for as long as a hook may take.
    if (leftMs <= 0 && (this.#checking === 0 || leftMs <= -HOOK_MS)) {
      this.#admission.close('unauthenticated')
    } else if (leftMs <= this.#noticeMs && !this.#wasCredentialAskedFor) {
      this.#wasCredentialAskedFor = true
      this.#admission.outbound.send({ type: 'authenticate', withinMs: Math.floor(leftMs) })
    }
  }

  /** Looks in time when the credential is to be asked for, and when it ends: a second later is too late for a short one. */
  #watchCredential(): void {
    this.#stopWatch()
    if (this.#hasEnded) return
    const { clock } = this.#host.settings
    const leftMs = this.#credentialEndsAtMs - clock.nowMs()
    const dueMs = this.#wasCredentialAskedFor ? leftMs : leftMs - this.#noticeMs
    // One that is judged when it ends is left to the ticks.
    if (dueMs <= 0 || dueMs === Infinity) return
    this.#stopWatch = clock.setTimer(Math.ceil(dueMs), () => {
      this.tick(clock.nowMs())
      this.#watchCredential()
    })
  }

  lost(receiver: Receiver, lost: LostPlace): void {
    this.#subscriptions.lost(receiver, lost)
  }

  unsubscribe(channel: string): void {
    this.#subscriptions.endRight(channel)
  }

  flush(): void {
    this.#upstream.flush()
  }

  refuse(): void {
    this.#upstream.isRefusing = true
  }

  end(): void {
    this.#hasEnded = true
    this.#stopWatch()
    this.#upstream.isGone = true
    this.#subscriptions.endAll()
  }

  #subscribe(requests: readonly SubscribeRequest[]): void {
    this.#admission.pace.subscriptions(requests.length)
    if (!this.#subscriptions.open(requests)) this.#admission.close('badMessage', 'P22: subscription numbers rise, and none is used twice')
  }

  async #signOut(): Promise<void> {
    const { engine, settings } = this.#host
    const { session, client, lane, close } = this.#admission
    this.#hasSignedOut = true
    this.refuse()
    this.#subscriptions.endAll()
    try {
      await engine.forget(session)
    } finally {
      // A session that could not be ended leaves no good token beside it.
      await engine.end({ type: 'revoke', client })
    }
    // Whatever a handler takes longer for is acknowledged to nobody.
    await within(settings.clock, SIGN_OUT_MS, lane.whenIdle()).catch(() => {})
    this.flush()
    close('signedOut')
  }

  #ask(answer: () => Promise<void>): void {
    this.#questions++
    const answered = (): void => {
      this.#questions--
      this.#admission.goOn()
    }
    this.#admission.guard(answer().finally(answered))
  }

  async #authenticateAgain(credential: string): Promise<void> {
    const { hooks, clock } = this.#host.settings
    const { request, party, close } = this.#admission
    const round = ++this.#credentialRound
    this.#checking++
    const verdict = await checkCredential(hooks.authenticate, clock, this.#host, credential, request)
    this.#checking--
    // Where several were given, the last one decides.
    if (this.#hasEnded || round !== this.#credentialRound) return
    if (!verdict.isAccepted || verdict.user !== party.user) return close('unauthenticated')
    party.context = verdict.context
    this.#credentialEndsAtMs = verdict.endsAtMs
    this.#noticeMs = noticeMs(verdict.endsAtMs, clock.nowMs())
    this.#wasCredentialAskedFor = false
    this.#watchCredential()
    this.#subscriptions.renew()
    const { settings, sendOnly } = this.#host
    if (settings.sendOnly !== 'until-credential-ends') return
    const outboxToken = sendOnly.tokenFor(this.#admission.client, party.user, verdict.expiresAtMs)
    if (outboxToken !== null) this.#admission.outbound.send({ type: 'outbox_token', outboxToken })
  }
}
