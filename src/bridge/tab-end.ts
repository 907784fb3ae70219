import type { Clock } from '../core/ports.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { Delivery, HubApi, Result, TabApi } from './contract.ts'
import { openPeer } from './peer.ts'

/** The hub, as long as its port is open. */
export interface HubPort {
  /** Nothing rejects: no answer gives `hub-timeout`, a closed port what it was closed with. */
  readonly hub: HubApi
  /** Closes the port at once. Every call in flight, and every later one, gives `reason`. */
  close(reason: ErrorData): void
}

/** Opens this tab's end of a port to a hub: offers `api`, and calls the hub with a deadline of `deadlineMs` each. */
export function openHubPort(
  port: MessagePort,
  api: TabApi,
  { clock, deadlineMs }: { readonly clock: Clock; readonly deadlineMs: number },
): HubPort {
  const peer = openPeer(port, { deliver: (batch) => api.deliver(batch as Delivery), credential: () => api.credential() }, clock)
  const call =
    <T>(name: keyof HubApi) =>
    async (...args: readonly unknown[]): Promise<Result<T>> => {
      const answer = await peer.call(name, args, deadlineMs)
      return answer.ok ? (answer.value as Result<T>) : answer
    }
  const hub: HubApi = {
    attach: call('attach'),
    subscribe: call('subscribe'),
    unsubscribe: call('unsubscribe'),
    send: call('send'),
    sendVolatile: call('sendVolatile'),
    cancel: call('cancel'),
    retry: call('retry'),
    discard: call('discard'),
    signal: call('signal'),
    ping: call('ping'),
    detach: call('detach'),
  }
  return { hub, close: (reason) => peer.close(reason) }
}
