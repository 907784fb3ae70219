import { expose, wrap, type Endpoint } from 'comlink'
import type { Clock } from '../core/ports.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { Result } from './contract.ts'
import { whenOverdue } from './overdue.ts'

/** The functions one side offers. They never reject. */
export type Calls = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>

/** The other side of a port. */
export interface Peer {
  /** Calls `name` over there. Never rejects: no answer in `deadlineMs` gives `hub-timeout`, a closed port what it was closed with. */
  call(deadlineMs: number, name: string, ...args: readonly unknown[]): Promise<Result<unknown>>
  /** Calls `name` over there and wants no answer: about half the cost of a call. */
  tell(name: string, ...args: readonly unknown[]): void
  /** Closes the port and settles every call in flight with `reason`. */
  readonly close: (reason: ErrorData) => void
}

type Wire = Readonly<Record<string, unknown>>

const NO_ANSWER = ''

/**
 * Offers `local` on `port` and calls the other side over the same port.
 *
 * Comlink alone would let the other side reach every property of what is exposed, release the port, and wait for ever for a dead one; here only
 * plain calls of offered names and their answers pass, and Comlink's release messages (also those its garbage collector hook makes) do not.
 */
export function openPeer(port: MessagePort, local: Calls, clock: Clock): Peer {
  const inFlight = new Set<(result: Result<unknown>) => void>()
  let ended: Result<never> | null = null

  const pick = (data: Wire | null): Wire | false => {
    const { id, type, path, argumentList, name, value } = data ?? {}
    if (type === 'RAW' || (type === 'HANDLER' && name === 'throw')) return { id, type, name, value }
    if (type !== 'APPLY' || !Array.isArray(path) || !Array.isArray(argumentList)) return false
    return path.length === 1 && Object.hasOwn(local, path[0] as string) && argumentList.every(isRaw) && { id, type, path, argumentList }
  }

  // Comlink removes a listener only on a release message, and none passes.
  const filtered = {
    // A call that wants no answer has no id, and neither has the answer Comlink makes to it.
    postMessage: (message: Wire) => message['id'] !== NO_ANSWER && port.postMessage(message),
    addEventListener: (type: string, listener: (event: object) => void) =>
      port.addEventListener(type as 'message', (event) => {
        const data = pick(event.data as Wire)
        if (data) listener({ data })
      }),
  } as Endpoint

  expose(local, filtered)
  const remote = wrap<Calls>(filtered)
  port.start()

  return {
    call: (deadlineMs, name, ...args) =>
      new Promise((resolve) => {
        if (ended) return resolve(ended)
        let cancel = (): void => {}
        const settle = (result: Result<unknown>): void => {
          inFlight.delete(settle)
          cancel()
          resolve(result)
        }
        const fail = (code: ErrorData['code'], message: string): void => settle({ ok: false, error: { code, message } })
        inFlight.add(settle)
        if (deadlineMs < Infinity) {
          cancel = whenOverdue(clock, deadlineMs, () => fail('hub-timeout', `no answer to ${name} within ${deadlineMs} ms`))
        }
        ;(remote[name] as Calls[string])(...args).then(
          (value) => settle({ ok: true, value }),
          (error: unknown) => fail('hub-failed', `${name}: ${String(error)}`),
        )
      }),
    tell(name, ...args) {
      if (!ended)
        port.postMessage({ id: NO_ANSWER, type: 'APPLY', path: [name], argumentList: args.map((value) => ({ type: 'RAW', value })) })
    },
    close(reason) {
      ended ??= { ok: false, error: reason }
      port.close()
      for (const settle of inFlight) settle(ended)
    },
  }
}

function isRaw(value: unknown): boolean {
  return (value as Wire | null)?.['type'] === 'RAW'
}
