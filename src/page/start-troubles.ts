import type { ConnectionState, StateFacts } from '../core/public-state.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { HubChoice } from './hub-choice.ts'
import type { Platform } from './platform.ts'

/** Wait after the first start that failed; it doubles with each that follows. */
const BASE_PAUSE_MS = 1_000
/** The longest wait: a script that is gone may be there again, and a network too. */
const LAST_PAUSE_MS = 30_000
/** Failures, or hubs without an answer, in a row after which the state says that this does not pass by itself. */
const PATIENCE = 3

type Without<State> = State extends unknown ? Omit<State, keyof StateFacts> : never

/** What a state says of the connection, without the facts that every state has. */
export type Status = Without<ConnectionState>

/** What is told of starts that fail. */
export interface TroubleOwner {
  /** Told once for each time of trouble. */
  failed(error: HoldfastError): void
  /** What the tab is to show while no hub starts; `null`: one has answered. */
  stuck(status: Status | null): void
}

/** Keeps account of hubs that do not start in this tab. */
export interface StartTroubles {
  /**
   * A start failed; `script` is what was to be started, where it is known. Returns how long to wait before the next.
   */
  failed(cause: unknown, script: string | null): number
  /** A hub did not answer in time. */
  silent(script: string | null): void
  /** A hub has answered. */
  over(): void
}

/** Makes it for one connection. */
export function createStartTroubles(
  platform: Pick<Platform, 'clock' | 'origin' | 'baseUrl' | 'packagedHub' | 'isOnline'>,
  choice: Pick<HubChoice, 'isReturning'>,
  owner: TroubleOwner,
): StartTroubles {
  let failures = 0
  let silences = 0
  let isTold = false

  const refused = (script: string | null): Status => ({
    status: 'refused',
    // Its script has run in this page: a deploy has removed it since, and a page that is loaded now has another one.
    reason: choice.isReturning() ? 'reload-needed' : 'hub',
    ...(script === null ? {} : { script, crossOrigin: isForeign(script) }),
  })

  /** What the lock of a hub says may be anything: any script of the origin can hold one. */
  const isForeign = (script: string): boolean => {
    try {
      return new URL(script, platform.baseUrl).origin !== platform.origin
    } catch {
      return false
    }
  }

  const tell = (what: string, script: string | null, options?: ErrorOptions): void => {
    if (isTold) return
    isTold = true
    owner.failed(new HoldfastError('hub-failed', `${what} ${explain(script)}`, options))
  }

  /** What a developer has to know. */
  const explain = (script: string | null): string => {
    if (script === null) return 'See options hub and hubUrl.'
    if (isForeign(script))
      return `${script} is of another origin than the page, ${platform.origin}: browsers start no worker from it. See option hubUrl.`
    const help = choice.isReturning() ? 'If a deploy has removed it, reload the page.' : 'See option hubUrl, and worker-src in your policy.'
    const bundled = script === platform.packagedHub ? ', or beside it under the name a bundler gave it' : ''
    return `It should be at ${script}${bundled}. ${help}`
  }

  /** Shows that no hub starts; `isHopeless`: that does not pass by itself. */
  const show = (script: string | null, attempt: number, retryAtMs: number, isHopeless: boolean): void => {
    if (!platform.isOnline()) owner.stuck({ status: 'waiting', attempt, retryAtMs, reason: 'offline' })
    else owner.stuck(isHopeless ? refused(script) : { status: 'waiting', attempt, retryAtMs, reason: 'hub' })
  }

  return {
    failed(cause, script) {
      const pauseMs = Math.min(BASE_PAUSE_MS * 2 ** failures, LAST_PAUSE_MS)
      failures++
      const why = cause instanceof Error ? ` (${String(cause)})` : ''
      tell(`The script of the hub failed or did not load${why}.`, script, { cause })
      const isHopeless = Math.max(failures, silences) >= PATIENCE || (script !== null && isForeign(script))
      show(script, failures, platform.clock.nowMs() + pauseMs, isHopeless)
      return pauseMs
    },
    silent(script) {
      if (++silences < PATIENCE) return
      tell('The hub does not answer.', script)
      // The next one is tried at once.
      show(script, silences, platform.clock.nowMs(), true)
    },
    over() {
      if (failures + silences > 0) owner.stuck(null)
      failures = silences = 0
      isTold = false
    },
  }
}
