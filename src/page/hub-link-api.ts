import type { HubApi } from '../bridge/contract.ts'
import type { HubAnswer } from '../bridge/tab-end.ts'
import type { HoldfastError } from '../protocol/errors.ts'

/** The tab's link to whichever hub lives. */
export interface HubLink {
  /** Begins, or begins again after a refusal. */
  start(): void
  /** Somebody is back: a start that is waited for comes now. */
  hurry(): void
  isAttached(): boolean
  /** Calls the hub. Never rejects; resolves when it is also known whether a hub that gave no answer goes on. */
  call<Name extends keyof HubApi>(name: Name, ...args: Parameters<HubApi[Name]>): Promise<HubAnswer<Name>>
  /**
   * Calls the hub as soon as there is one. Rejects with a HoldfastError: what the hub answered, `hub-failed` when it
   * died before it did, or what the link was closed with.
   */
  ask<Name extends 'cancel' | 'discard' | 'signOut'>(name: Name, ...args: Parameters<HubApi[Name]>): Promise<HubValue<Name>>
  /** Finds out whether the hub still answers. */
  check(): Promise<void>
  /**
   * The page will stand still until {@link HubLink.attachAgain}. A hub that runs in it ends, so that another tab can
   * have it.
   */
  suspend(): void
  /**
   * The page stops: closes the port, so that nothing can be posted to it, and gives up its lock. Nothing is begun
   * before {@link HubLink.attachAgain}.
   */
  rest(): void
  /** Closes the port and states anew where this tab is. */
  attachAgain(): void
  /** Ends for good. */
  close(error: HoldfastError): void
}

/** What the hub gives when a call succeeds. */
export type HubValue<Name extends keyof HubApi> = Extract<HubAnswer<Name>, { ok: true }>['value']
