import type { Admitted } from './admitted-connection.ts'
import type { ConnectionHost } from './connection-host.ts'
import { openUpstream, type UpwardAdmission, type Upstream } from './upstream.ts'
import type { Answer, ClientMessage, Hello } from '../protocol/index.ts'

/** How long a client may keep its place with nothing on its way: there are few of them. */
const IDLE_MS = 30_000
const PONG = '{"type":"pong"}'

/**
 * A connection whose `hello` held an outbox token. It brings numbers, hears what becomes of them, and is nothing else
 * to the server.
 */
export class SendOnlyConnection implements Admitted {
  readonly #admission: UpwardAdmission
  readonly #upstream: Upstream
  #busyAtMs: number

  constructor(host: ConnectionHost, admission: UpwardAdmission) {
    this.#admission = admission
    this.#upstream = openUpstream(host, admission)
    this.#busyAtMs = host.settings.clock.nowMs()
  }

  said(): Pick<Answer, 'client' | 'begun'> {
    return this.#upstream.said()
  }

  isBusy(): boolean {
    return false
  }

  handle(message: Exclude<ClientMessage, Hello>, length: number): void {
    switch (message.type) {
      case 'send':
        return this.#upstream.send(message, length)
      case 'skip':
        return this.#upstream.skip(message)
      case 'ping':
        return this.#admission.outbound.sendText(PONG)
      default:
        this.#admission.close('badMessage', 'P39: send, skip and ping, nothing else')
    }
  }

  tick(nowMs: number, isArriving: boolean): void {
    if (this.#upstream.isBusy || isArriving) this.#busyAtMs = nowMs
    else if (nowMs - this.#busyAtMs >= IDLE_MS) this.#admission.close('goingAway')
  }

  flush(): void {
    this.#upstream.flush()
  }

  refuse(): void {
    this.#upstream.isRefusing = true
  }

  end(): void {
    this.#upstream.isGone = true
  }
}
