import type { Id } from '../protocol/messages.ts'

/** Where a hub runs: in a SharedWorker, or in a worker of the tab that was elected. */
export type Rung = 'shared' | 'elected'

/** Where a hub's worker is found: the script, and what its name says. */
export interface HubAddress {
  /** Address of the script. */
  readonly url: string
  /** Rises when a hub no longer answers: the same name would give the same dead worker. */
  readonly generation: number
  /** The app's word for its build, or empty. */
  readonly build: string
}

/** A hub as its lock names it. The locks are the register of the hubs that live: whoever looks for one finds it there. */
export interface LiveHub extends HubAddress {
  /** Rises with every hub that was started while others lived: the newest is the one to go to. */
  readonly epoch: number
  readonly instance: Id
  readonly rung: Rung
}

/** Whether `one` is to follow `other`. Two that were started at the same moment agree on it, too. */
export function isNewer(one: Pick<LiveHub, 'epoch' | 'instance'>, other: Pick<LiveHub, 'epoch' | 'instance'>): boolean {
  return one.epoch === other.epoch ? one.instance > other.instance : one.epoch > other.epoch
}

/** Name of the lock a tab holds while it lives. */
export function tabLockName(scope: string, id: Id): string {
  return `holdfast:${scope}:tab:${id}`
}

/** Name of the lock a hub holds while it lives. */
export function hubLockName(scope: string, { epoch, instance, generation, rung, build, url }: LiveHub): string {
  return `holdfast:${scope}:hub:${epoch}:${instance}:${generation}:${rung}:${build}:${url}`
}

/** The hub of `scope` that a lock of that name stands for; `null` when it stands for something else. */
export function parseHubLock(scope: string, name: string): LiveHub | null {
  const match = /^holdfast:([\w-]{22}):hub:(\d{1,9}):([\w-]{22}):(\d{1,9}):(shared|elected):([\w.+-]{0,64}):(.*)$/.exec(name)
  if (match?.[1] !== scope) return null
  const [, , epoch, instance = '', generation, rung, build = '', url = ''] = match
  return { epoch: Number(epoch), instance, generation: Number(generation), rung: rung as Rung, build, url }
}

/** Name of the lock of the tab that runs the hub of that name in a worker of its own. */
export function leaderLockName(name: string): string {
  return `${name}:leader`
}

/** The name of the hub of `scope` that the tab with a lock of that name runs, or is about to start; `null` when the lock stands for something else. */
export function parseLeaderLock(scope: string, name: string): Pick<HubAddress, 'generation' | 'build'> | null {
  const named = name.endsWith(':leader') ? parseHubName(name.slice(0, -':leader'.length)) : null
  return named?.scope === scope ? named : null
}

/** Name of the worker at an address. */
export function hubName(scope: string, { generation, build }: Pick<HubAddress, 'generation' | 'build'>): string {
  return `holdfast:${scope}:${generation}${build && `:${build}`}`
}

/** What a worker's own name says; `null` when it was not started by a Holdfast page. */
export function parseHubName(name: string): { readonly scope: string; readonly generation: number; readonly build: string } | null {
  const match = /^holdfast:([\w-]{22}):(\d{1,9})(?::([\w.+-]{1,64}))?$/.exec(name)
  return match?.[1] === undefined ? null : { scope: match[1], generation: Number(match[2]), build: match[3] ?? '' }
}

/** Name of the lock of the one hub that may use socket and outbox. No build and no generation in it: it holds across deploys. */
export function ownerLockName(scope: string): string {
  return `holdfast:${scope}:owner`
}

/** Name of the broadcast channel on which the hubs of a scope, of whatever build, hear of each other. */
export function hubsChannelName(scope: string): string {
  return `holdfast:${scope}:hubs`
}
