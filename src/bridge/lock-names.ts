import type { Id } from '../protocol/messages.ts'

/** A hub as its lock names it. */
export interface LiveHub {
  readonly generation: number
  readonly instance: Id
}

/** Name of the lock a tab holds while it lives. */
export function tabLockName(scope: string, id: Id): string {
  return `holdfast:${scope}:tab:${id}`
}

/** Name of the lock a hub holds while it lives. */
export function hubLockName(scope: string, hub: LiveHub): string {
  return `holdfast:${scope}:hub:${hub.generation}:${hub.instance}`
}

/** Name of the lock of the tab that runs the hub of that name in a worker of its own. */
export function leaderLockName(name: string): string {
  return `${name}:leader`
}

/** The generation in a lock name of a tab of `scope` that runs a hub; `null` when the name stands for something else. */
export function leaderGeneration(scope: string, name: string): number | null {
  const named = name.endsWith(':leader') ? parseHubName(name.slice(0, -':leader'.length)) : null
  return named?.scope === scope ? named.generation : null
}

/** The generation in a lock name of a hub of `scope`; 0 when the name stands for something else. */
export function hubGeneration(scope: string, name: string): number {
  return Number(RegExp(`^holdfast:${scope}:hub:(\\d{1,9}):`).exec(name)?.[1] ?? 0)
}

/** Name of the worker of a scope. The generation rises when a hub no longer answers: the same name would give the same dead worker. */
export function hubName(scope: string, generation: number): string {
  return `holdfast:${scope}:${generation}`
}

/** What a worker's own name says; `null` when it was not started by a Holdfast page. */
export function parseHubName(name: string): { readonly scope: string; readonly generation: number } | null {
  const match = /^holdfast:([\w-]{22}):(\d{1,9})$/.exec(name)
  return match?.[1] === undefined ? null : { scope: match[1], generation: Number(match[2]) }
}

/** Name of the lock of the one hub that may use socket and outbox. No build and no generation in it: it holds across deploys. */
export function ownerLockName(scope: string): string {
  return `holdfast:${scope}:owner`
}
