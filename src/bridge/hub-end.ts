import type { Clock } from '../core/ports.ts'
import { MAX_CREDENTIAL_LENGTH } from '../protocol/limits.ts'
import type { BridgePort } from './bridge-port.ts'
import type { Delivery, HubApi, Result } from './contract.ts'
import { checked, HUB_ARGUMENTS } from './hub-arguments.ts'
import { openPeer, type Calls } from './peer.ts'

/** A tab as the hub calls it. Nothing rejects; after {@link ServedTab.close} everything gives `closed`. */
export interface RemoteTab {
  /** Resolves when the tab has handled the batch. No deadline: a tab that is frozen answers when it thaws, and its lock tells whether it died. */
  deliver(batch: Delivery): Promise<Result<null>>
  /** Hands over a small batch without waiting: for a tab that is seen and so keeps up. */
  push(batch: Delivery): void
  /** The app's credential; `hub-timeout` when the tab does not give one in time. */
  credential(): Promise<Result<string | null>>
}

/** One tab, as long as its port is open. */
export interface ServedTab {
  readonly tab: RemoteTab
  /** Closes the port; calls in flight settle with `closed`. */
  close(): void
}

/** Calls of one tab that may be under way at a time. */
const MAX_CALLS = 1_000

/** How long a tab has to give a credential. */
const CREDENTIAL_MS = 10_000

/**
 * Serves one tab: offers `api` on the port and calls the tab over the same port.
 * Any script of the origin can open a port to the worker, so every argument is checked and rebuilt before `api` sees it; a wrong one is answered with
 * `protocol`, and one call too many at a time with `limit`. An `api` function that throws all the same is answered with `hub-failed`.
 */
export function serveTab(port: BridgePort, api: HubApi, { clock }: { readonly clock: Clock }): ServedTab {
  const calls: Record<string, Calls[string]> = {}
  let underWay = 0
  for (const name of Object.keys(HUB_ARGUMENTS) as (keyof HubApi)[]) {
    calls[name] = async (...args) => {
      if (underWay >= MAX_CALLS) return { ok: false, error: { code: 'limit', message: 'too many calls under way' } }
      const given = checked(name, args)
      if (!given.ok) return given
      underWay++
      try {
        const method = api[name] as (...args: readonly unknown[]) => Promise<Result<unknown>>
        return await method.apply(api, [...given.value])
      } catch (error) {
        return { ok: false, error: { code: 'hub-failed', message: String(error) } }
      } finally {
        underWay--
      }
    }
  }
  const peer = openPeer(port, calls, clock)
  return {
    tab: {
      deliver: (batch) => peer.call(Infinity, 'deliver', batch) as Promise<Result<null>>,
      push: (batch) => peer.tell('deliver', batch),
      async credential() {
        const answer = await peer.call(CREDENTIAL_MS, 'credential')
        if (!answer.ok) return answer
        const given = answer.value as Result<unknown> | null
        if (given?.ok === false) return given
        const credential = given?.value
        // One that no frame may carry would end the connection of every tab, on every try.
        const fits = typeof credential === 'string' && credential !== '' && credential.length <= MAX_CREDENTIAL_LENGTH
        if (fits || credential === null) return { ok: true, value: credential }
        return {
          ok: false,
          error: { code: 'protocol', message: `the credential is neither null nor 1 to ${MAX_CREDENTIAL_LENGTH} characters` },
        }
      },
    },
    close: () => peer.close({ code: 'closed', message: 'the tab was let go' }),
  }
}
