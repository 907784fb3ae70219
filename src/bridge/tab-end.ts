import type { Clock } from '../core/ports.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { BridgePort } from './bridge-port.ts'
import type { HubApi, Result, TabApi } from './contract.ts'
import { openPeer, type Calls } from './peer.ts'

/** What the hub answers to a call of that name. */
export type HubAnswer<Name extends keyof HubApi> = Awaited<ReturnType<HubApi[Name]>>

/** The hub, as long as its port is open. */
export interface HubPort {
  /** Calls the hub. Nothing rejects: no answer in `deadlineMs` gives `hub-timeout`, a closed port what it was closed with. */
  readonly call: <Name extends keyof HubApi>(deadlineMs: number, name: Name, ...args: Parameters<HubApi[Name]>) => Promise<HubAnswer<Name>>
  /** Batches that came by this port. */
  readonly got: () => number
  /** Closes the port at once. Every call in flight, and every later one, gives `reason`. */
  close(reason: ErrorData): void
}

/** Opens this tab's end of a port to a hub and offers `api` there. */
export function openHubPort(port: BridgePort, api: TabApi, clock: Clock): HubPort {
  let got = 0
  const counting: TabApi = {
    credential: () => api.credential(),
    deliver(batch) {
      got++
      return api.deliver(batch)
    },
  }
  const peer = openPeer(port, counting as unknown as Calls, clock)
  return {
    got: () => got,
    async call<Name extends keyof HubApi>(deadlineMs: number, name: Name, ...args: Parameters<HubApi[Name]>) {
      const answer = await peer.call(deadlineMs, name, ...args)
      return (answer.ok ? answer.value : answer) as HubAnswer<Name> & Result<unknown>
    },
    close: peer.close,
  }
}
