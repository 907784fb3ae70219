import { expose, releaseProxy, wrap, type Endpoint } from 'comlink'
import type { Clock } from '../core/ports.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { BridgePort } from './bridge-port.ts'
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

/** A function of the other side, as Comlink makes it. */
type Method = Calls[string] & { [releaseProxy](): void }

type Wire = Readonly<Record<string, unknown>>

type Listener = (event: { readonly data: Wire }) => void

/** Id of a call that wants no answer; it does not go through Comlink, which would answer it. */
const NO_ANSWER = ''

/**
 * Offers `local` on `port` and calls the other side over the same port.
 *
 * Comlink alone would let the other side reach every property of what is exposed, release the port, and wait for ever for a dead one; here only
 * plain calls of offered names and their answers pass, and Comlink's release messages (also those its garbage collector hook makes) do not.
 */
export function openPeer(port: BridgePort, local: Calls, clock: Clock): Peer {
  const inFlight = new Set<(result: Result<unknown>) => void>()
  let ended: Result<never> | null = null

  // Comlink would have both of its sides hear every message; here one listener sorts them.
  let hearCall: Listener = () => {}
  let hearAnswer: Listener = () => {}
  port.addEventListener('message', ({ data }) => {
    // What had arrived before the port was closed may still be told.
    if (ended) return
    const { id, type, path, argumentList, name, value } = (data as Wire | null) ?? {}
    if (type === 'RAW' || (type === 'HANDLER' && name === 'throw')) return hearAnswer({ data: { id, type, name, value } })
    if (type !== 'APPLY' || !Array.isArray(path) || !Array.isArray(argumentList)) return
    const method = path.length === 1 && Object.hasOwn(local, path[0] as string) && local[path[0] as string]
    if (!method || !argumentList.every(isRaw)) return
    if (id === NO_ANSWER) void method(...argumentList.map((argument) => (argument as Wire)['value']))
    else hearCall({ data: { id, type, path, argumentList } })
  })
  // Comlink removes a listener only on a release message, and none passes.
  const endpoint = (listen: (listener: Listener) => void): Endpoint =>
    ({
      postMessage: (message: unknown) => {
        if (!ended) port.postMessage(message)
      },
      addEventListener: (_type: string, listener: Listener) => listen(listener),
    }) as unknown as Endpoint

  expose(
    local,
    endpoint((listener) => (hearCall = listener)),
  )
  const remote = wrap<Calls>(endpoint((listener) => (hearAnswer = listener)))
  // Comlink would make a proxy for each call and leave it to the garbage collector, whose finalizers are script that runs: in a page in the back–forward
  // cache too, which is thrown out for it.
  const methods = new Map<string, Method>()
  const methodOf = (name: string): Method => {
    const method = methods.get(name) ?? (Reflect.get(remote, name) as Method)
    methods.set(name, method)
    return method
  }
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
        methodOf(name)(...args).then(
          (value) => settle({ ok: true, value }),
          (error: unknown) => fail('hub-failed', `${name}: ${String(error)}`),
        )
      }),
    tell(name, ...args) {
      if (!ended)
        port.postMessage({ id: NO_ANSWER, type: 'APPLY', path: [name], argumentList: args.map((value) => ({ type: 'RAW', value })) })
    },
    close(reason) {
      if (ended) return
      ended = { ok: false, error: reason }
      port.close()
      // Comlink's finalizers hold the endpoint, and the endpoint all of this: without a word they would keep it for as long as the worker lives.
      for (const proxy of [remote, ...methods.values()]) proxy[releaseProxy]()
      for (const settle of inFlight) settle(ended)
    },
  }
}

function isRaw(value: unknown): boolean {
  return (value as Wire | null)?.['type'] === 'RAW'
}
