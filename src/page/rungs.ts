import type { Rung } from '../bridge/lock-names.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { joinElectedHub } from './elected-hub.ts'
import type { CheckedOptions } from './options.ts'
import type { HubWorker, Platform } from './platform.ts'

/** Hubs that gave no answer, one after the other, after which the other rung is tried. */
const SILENT_STARTS = 3

/**
 * Where this tab looks for the hub of its scope. Decided by what lives and by what happened, never by the browser's
 * name.
 */
export interface Rungs {
  /** Address of the page's own script; `null` where the app starts the hub itself, or the page does not know it. */
  readonly script: string | null
  /** The rung to take, given the one on which the newest hub lives. */
  choose(living: Rung | null): Rung
  /** Starts or joins the hub of that name, with the script at `url` or the page's own one. */
  start(rung: Rung, name: string, url?: string): HubWorker
  /** A hub has answered on the rung that was taken. */
  answered(): void
  /** No hub answered. */
  silent(): void
  /** The worker could not be started. Whether there is another rung, which has not failed yet. */
  failed(): boolean
}

/** Makes the choice between a SharedWorker and a worker of an elected tab for one connection. */
export function createRungs(platform: Platform, { hub, hubUrl, shared }: Pick<CheckedOptions, 'hub' | 'hubUrl' | 'shared'>): Rungs {
  const canShare = shared && platform.hasSharedWorker
  let rung: Rung = canShare ? 'shared' : 'elected'
  /** This tab cannot have a SharedWorker, whatever others have. */
  let hasSharedFailed = false
  let silences = 0

  /** What the app's own function gives, if there is one and it gives what was asked for. */
  const ownWorker = (name: string, isShared: boolean): SharedWorker | Worker | null => {
    if (!hub) return null
    const given: unknown = hub({ name, shared: isShared })
    if (given instanceof Object && 'port' in given === isShared) return given as SharedWorker | Worker
    throw new HoldfastError('invalid-option', `hub must give a ${isShared ? 'SharedWorker' : 'Worker'} when shared is ${isShared}.`)
  }

  const failed = (): boolean => {
    silences = 0
    if (!canShare) return false
    hasSharedFailed = rung === 'shared'
    rung = hasSharedFailed ? 'elected' : 'shared'
    return hasSharedFailed
  }

  return {
    script: hub ? null : (hubUrl ?? platform.packagedHub),
    choose(living) {
      if (canShare && !hasSharedFailed) rung = living ?? rung
      return rung
    },
    start(wanted, name, url) {
      const script = url ?? hubUrl
      const own = url ? () => null : ownWorker
      if (wanted === 'shared') return (own(name, true) as SharedWorker | null) ?? platform.startHub(name, script)
      return joinElectedHub(platform, name, () => (own(name, false) as Worker | null) ?? platform.startWorker(name, script))
    },
    answered: () => void (silences = 0),
    silent() {
      if (++silences >= SILENT_STARTS) failed()
    },
    failed,
  }
}
