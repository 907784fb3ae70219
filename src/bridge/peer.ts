import { expose, wrap, type Endpoint } from 'comlink'
import type { Clock } from '../core/ports.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { Result } from './contract.ts'

/** The functions one side offers. They never reject. */
export type Calls = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>

/** The other side of a port. */
export interface Peer {
  /** Calls `name` over there. Never rejects: no answer in `deadlineMs` gives `hub-timeout`, a closed port what it was closed with. */
  call(name: string, args: readonly unknown[], deadlineMs: number): Promise<Result<unknown>>
  /** Closes the port and settles every call in flight with `reason`. */
  close(reason: ErrorData): void
}

type Wire = Readonly<Record<string, unknown>>

/**
 * Offers `local` on `port` and calls the other side over the same port.
 *
 * Comlink alone would let the other side reach every property of what is exposed, release the port, and wait for ever for a dead one; here only
 * plain calls of offered names pass, and Comlink's release messages (also those its garbage collector hook makes) do not.
 */
export function openPeer(port: MessagePort, local: Calls, clock: Clock): Peer {
  const inFlight = new Set<(result: Result<unknown>) => void>()
  let ended: ErrorData | null = null

  expose(
    local,
    filtered(port, (data) => {
      const { id, type, path, argumentList } = data
      const name: unknown = Array.isArray(path) && path.length === 1 ? path[0] : null
      if (type !== 'APPLY' || typeof name !== 'string' || !Object.hasOwn(local, name) || !Array.isArray(argumentList)) return null
      return argumentList.every(isRaw) ? { id, type, path: [name], argumentList } : null
    }),
  )
  const remote = wrap<Calls>(
    filtered(port, (data) => (isRaw(data) || (data['type'] === 'HANDLER' && data['name'] === 'throw') ? data : null)),
  )
  // One proxy per name: Comlink registers every proxy it makes with a finalizer.
  const proxies = new Map<string, (...args: readonly unknown[]) => Promise<unknown>>()

  return {
    call(name, args, deadlineMs) {
      if (ended !== null) return Promise.resolve({ ok: false, error: ended })
      return new Promise((resolve) => {
        let cancelTimer: (() => void) | null = null
        const settle = (result: Result<unknown>): void => {
          if (!inFlight.delete(settle)) return
          cancelTimer?.()
          resolve(result)
        }
        const fail = (code: ErrorData['code'], message: string): void => settle({ ok: false, error: { code, message } })
        inFlight.add(settle)
        if (deadlineMs !== Infinity) {
          cancelTimer = clock.setTimer(deadlineMs, () => fail('hub-timeout', `no answer to ${name} within ${deadlineMs} ms`))
        }
        let proxy = proxies.get(name)
        if (proxy === undefined) proxies.set(name, (proxy = remote[name] as (...args: readonly unknown[]) => Promise<unknown>))
        proxy(...args).then(
          (value) => settle({ ok: true, value }),
          (error: unknown) => fail('hub-failed', `${name}: ${String(error)}`),
        )
      })
    },
    close(reason) {
      if (ended !== null) return
      ended = reason
      port.close()
      for (const settle of inFlight) settle({ ok: false, error: reason })
    },
  }
}

/** Shows Comlink only what `pick` lets through. */
function filtered(port: MessagePort, pick: (data: Wire) => object | null): Endpoint {
  return {
    postMessage: (message: unknown, transfer?: Transferable[]) => port.postMessage(message, transfer ?? []),
    addEventListener(_type, listener) {
      port.addEventListener('message', (event) => {
        const data: unknown = event.data
        const picked = typeof data === 'object' && data !== null ? pick(data as Wire) : null
        if (picked === null) return
        const clean = { data: picked } as MessageEvent
        if (typeof listener === 'function') listener(clean)
        else listener.handleEvent(clean)
      })
    },
    // Comlink removes its listener only on a release message, and none passes.
    removeEventListener: () => {},
    start: () => port.start(),
  }
}

function isRaw(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as Wire)['type'] === 'RAW'
}
