import { hubName, parseHubLock, type HubAddress, type LiveHub } from '../bridge/lock-names.ts'

/** Which worker to start or join; without `url` the page's own way of starting one. */
export interface ChosenHub {
  readonly name: string
  readonly url?: string
}

/** To which hub a page goes. */
export interface HubChoice {
  /** Decides; `newest` is the newest of the hubs that live. */
  choose(scope: string, newest: LiveHub | null): ChosenHub
  /** The page has been attached before. */
  isReturning(): boolean
  /** The page is attached to the hub with that lock; whether its worker may be one that another page has started. */
  attached(scope: string, lock: string, isElsewhere?: boolean): void
  /** The chosen one did not answer, is about to stop, or lives where nobody sees it who comes from now on. */
  unanswered(): void
  /** The chosen one's script failed or did not load. */
  broken(): void
  /** The chosen one serves no pages of this build. Whether another of this page's own build may be started. */
  otherBuild(): boolean
}

/**
 * A page that was just loaded is the newest there is, whatever its build: it goes to its own build's hub and starts it where another one's lives. From then on it goes
 * wherever the newest hub is. So hubs change hands only when a page is loaded, and two builds never take turns.
 * @param ownUrl address of this page's own script, where it is known before it was started
 */
export function createHubChoice(build: string, ownUrl?: string): HubChoice {
  /** Empty `url`: this page's own script. */
  let at: HubAddress = { url: '', generation: 0, build }
  let prefersOwn = true
  let hasAttached = false
  let hasInsisted = false
  /** Where nobody answered. */
  let silent: HubAddress | null = null

  const rise = (): void => void (at = { ...at, generation: at.generation + 1 })

  const isSilent = (hub: LiveHub): boolean =>
    silent?.generation === hub.generation &&
    silent.build === hub.build &&
    // Where a hub runs in a tab its name says it all.
    (hub.rung === 'elected' || (silent.url || (ownUrl ?? hub.url)) === hub.url)

  /** A hub in a tab is found by its name alone: that of another script is needed beside it under another name. */
  const isTaken = (hub: LiveHub): boolean =>
    hub.rung === 'elected' && hub.generation === at.generation && hub.build === build && !!hub.url && !!ownUrl && hub.url !== ownUrl

  return {
    choose(scope, newest) {
      if (prefersOwn) {
        at = { url: '', generation: Math.max(at.generation, newest?.generation ?? 0), build }
        if (newest && isTaken(newest)) rise()
      } else if (newest && !isSilent(newest)) at = newest
      const name = hubName(scope, at)
      return at.url === '' || at.url === ownUrl ? { name } : { name, url: at.url }
    },
    isReturning: () => hasAttached,
    attached(scope, lock, isElsewhere = false) {
      if (at.url === '' && !isElsewhere) ownUrl = parseHubLock(scope, lock)?.url
      hasAttached = true
      prefersOwn = false
      silent = null
    },
    unanswered() {
      silent = at
      rise()
    },
    broken: () => void (prefersOwn = !prefersOwn),
    otherBuild() {
      if (hasAttached || hasInsisted) return false
      rise()
      return (hasInsisted = true)
    },
  }
}
