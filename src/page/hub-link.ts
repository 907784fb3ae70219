import { BRIDGE_VERSION, type HubApi, type Result } from '../bridge/contract.ts'
import { newestHub, whenFree } from '../bridge/liveness.ts'
import type { Rung } from '../bridge/lock-names.ts'
import { openHubPort, type HubAnswer, type HubPort } from '../bridge/tab-end.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { createGround } from './ground.ts'
import type { ChosenHub, HubChoice } from './hub-choice.ts'
import type { HubLink, HubValue } from './hub-link-api.ts'
import type { LinkOwner } from './link-owner.ts'
import { HUB_DIED, NO_HUB } from './no-hub.ts'
import { createParting } from './parting.ts'
import { createPause } from './pause.ts'
import type { HubWorker, Platform } from './platform.ts'
import type { Rungs } from './rungs.ts'
import { createStartTroubles } from './start-troubles.ts'
import { createTabLock, type SignOfLife } from './tab-lock.ts'

/** How long an ordinary call may take. */
const CALL_MS = 10_000
/** How long signing out may take: the server and the store are waited for. */
const SIGN_OUT_MS = 60_000
/** How long a hub may take to answer for the first time: its script may have to be fetched. */
const START_MS = 5_000
/** The same when a hub of this tab has just died, and the script is at hand; also for a ping. */
const REVIVE_MS = 2_000
/** How often a hub in a tab is asked whether it lives, by its own tab and by those that are seen: one that is frozen or hangs keeps its locks. */
const WATCH_MS = 2_000
/** Longest patience. */
const MAX_PATIENCE_MS = 10_000

const noHub: Result<never> = { ok: false, error: NO_HUB }

/** Why the session with a hub ended. */
type End = 'gone' | 'again' | 'elsewhere' | 'unanswered' | 'broken' | 'stopped'

/** Makes a link for one scope. */
export function createHubLink(platform: Platform, scopeKey: string, choice: HubChoice, rungs: Rungs, owner: LinkOwner): HubLink {
  const { clock } = platform
  /** Set while attached. */
  let hub: HubPort | null = null
  let instance = ''
  let end = (_how: End): void => {}
  let wake = (): void => {}
  /** How the session ends when its hub does not answer a ping. */
  let silence = (): End => 'gone'
  /** Ends the session, where the hub runs in a tab. */
  let leave = (): void => {}
  let isSuspended = false
  let isRunning = false
  let isResting = false
  let over: HoldfastError | null = null
  let attempts = 0
  const ground = createGround(platform)
  const tabLock = createTabLock(ground, () => end('again'))
  const parting = createParting(ground, tabLock)
  const troubles = createStartTroubles(platform, choice, owner)
  const pause = createPause(platform)
  const asking: (() => void)[] = []

  async function stayAttached(): Promise<void> {
    const scope = await platform.hash(scopeKey)
    let patienceMs = START_MS
    let quickDeaths = 0
    for (;;) {
      const sinceMs = clock.nowMs()
      let pauseMs = 0
      const broken = (cause: unknown, url: string | undefined): End => {
        pauseMs = troubles.failed(cause, url ?? rungs.script)
        return 'broken'
      }
      const how = await attempt(scope, patienceMs, broken).catch((error: unknown) => broken(error, undefined))
      if (over || how === 'stopped') return
      if (isResting) await new Promise<void>((resolve) => (wake = resolve))
      // The same name first: browsers start it afresh when it is dead, and answer nothing when it hangs or closed itself.
      if (how === 'unanswered') choice.unanswered()
      const isQuick = how === 'gone' && clock.nowMs() - sinceMs < START_MS
      quickDeaths = isQuick && !(await isFollowed(scope).catch(() => false)) ? quickDeaths + 1 : 0
      if (over) return
      if (how === 'broken' || quickDeaths > 1) await pause.wait(pauseMs || patienceMs, scope)
      patienceMs =
        how === 'gone' ? REVIVE_MS : how === 'again' || how === 'elsewhere' ? START_MS : Math.min(patienceMs * 2, MAX_PATIENCE_MS)
    }
  }

  /** Attaches to a hub and stays until that ends. */
  async function attempt(scope: string, patienceMs: number, broken: (cause: unknown, url?: string) => End): Promise<End> {
    const found = await find(scope)
    if (!found) return 'again'
    const { held, rung, name, url } = found
    // A browser may have taken the lock while the page stood still.
    if (over || isResting || !held.isHeld()) {
      tabLock.release()
      return over ? 'stopped' : 'again'
    }
    let worker: HubWorker
    try {
      worker = ground.start(name) ?? rungs.start(rung, name, url)
    } catch (error) {
      return startsElsewhere(url) ? 'elsewhere' : broken(error, url)
    }
    const port = openHubPort(worker.port, owner.api, clock)
    const session = new AbortController()
    const { signal } = session
    let stopWatching = (): void => {}
    const watch = (apart: boolean): void => {
      stopWatching = clock.setTimer(WATCH_MS, () => {
        if (apart || platform.isVisible() || worker.isHere?.()) void check()
        watch(apart)
      })
    }
    // The name is free again once its worker was ended here; one that hangs in another tab keeps it.
    silence = () => (!worker.isHere || worker.isHere() ? 'gone' : 'unanswered')
    leave = (): void => worker.isHere && session.abort('again')
    return new Promise((resolve) => {
      const mine = (end = (how: End): void => session.abort(how))
      signal.addEventListener('abort', () => {
        port.close(HUB_DIED)
        stopWatching()
        const wasAttached = hub === port
        if (wasAttached) hub = null
        if (signal.reason === 'gone' || (wasAttached && signal.reason === 'unanswered')) owner.lost()
        resolve(signal.reason as End)
      })
      worker.addEventListener('error', (cause) => {
        if (signal.aborted) return
        // Some browsers also tell later errors of a worker that goes on.
        if (hub) return owner.failed(new HoldfastError('hub-failed', 'Something failed in the hub.', { cause }))
        // It may yet start elsewhere, and then nothing is wrong.
        mine(startsElsewhere(url) ? 'elsewhere' : broken(cause, url))
      })
      void port
        .call(patienceMs, 'attach', {
          ...owner.introduce(),
          bridge: BRIDGE_VERSION,
          tab: held.tab,
          attempt: ++attempts,
          lock: held.lock,
          apart: parting.isOver(),
          returning: choice.isReturning(),
        })
        .then((answer) => {
          if (signal.aborted) return
          if (answer.ok) {
            const { apart = false } = answer.value
            if (apart && !parting.isOver()) return void parting.from(held).then(mine)
            parting.end()
            hub = port
            rungs.answered()
            troubles.over()
            choice.attached(scope, answer.value.lock, worker.isHere?.() === false)
            if (worker.isHere || apart) watch(apart)
            if (answer.value.instance !== instance) owner.replaced()
            instance = answer.value.instance
            // A lock that is not seen is free for ever.
            if (!apart) void whenFree(held.locks, answer.value.lock, signal).then(() => mine('gone'))
            owner.attached()
            resume()
            return
          }
          const { code } = answer.error
          // `closed`: it is about to stop. Its name would give the same worker again.
          if (code === 'hub-timeout') rungs.silent()
          if (code === 'hub-timeout') troubles.silent(url ?? rungs.script)
          if (code === 'hub-timeout' || code === 'closed') return mine('unanswered')
          if (code === 'hub-failed') return mine(broken(HoldfastError.from(answer.error), url))
          if (code === 'version' && choice.otherBuild()) return mine('again')
          isRunning = false
          mine('stopped')
          owner.refused(answer.error)
        })
    })
  }

  /** Takes this tab's lock and looks for a hub; `undefined` where the browser has refused both, and it must be done anew on other ground. */
  async function find(scope: string): Promise<(ChosenHub & { readonly rung: Rung; readonly held: SignOfLife }) | undefined> {
    try {
      const held = await tabLock.hold(scope)
      return { held, ...(await look(scope)) }
    } catch (error) {
      if (await ground.isLost(error)) return undefined
      throw error
    }
  }

  /** Whether the hub that has gone let go for another one, and has not died. */
  async function isFollowed(scope: string): Promise<boolean> {
    // One that was elected and has not begun has no instance yet: it may be what follows a death.
    return ((await newestHub(ground.locks, scope))?.instance || instance) !== instance
  }

  /** Where to look for a hub now. A page that is about to stand still must not be elected: it waits until it runs again. */
  async function look(scope: string): Promise<ChosenHub & { readonly rung: Rung }> {
    const newest = await newestHub(ground.locks, scope)
    const rung = rungs.choose(newest?.rung ?? null)
    if (rung === 'shared' || !isSuspended || over) return { rung, ...choice.choose(scope, newest) }
    await new Promise<void>((resolve) => (wake = resolve))
    return look(scope)
  }

  /** The script at `url` failed or did not load; whether it may yet start on the other rung. That of another build says nothing about this page's own. */
  function startsElsewhere(url: string | undefined): boolean {
    if (url === undefined && rungs.failed()) return true
    choice.broken()
    return false
  }

  /** Lets those go on who wait for a hub. */
  function resume(): void {
    for (const go of asking.splice(0)) go()
  }

  async function attached(): Promise<void> {
    if (hub || over) return
    await new Promise<void>((go) => asking.push(go))
    return attached()
  }

  async function check(): Promise<void> {
    const mine = end
    const asked = instance
    const whenSilent = silence
    const got = hub?.got ?? (() => 0)
    const answer = await hub?.call(REVIVE_MS, 'ping')
    if (answer?.ok === false) mine(answer.error.code === 'closed' ? 'gone' : whenSilent())
    else if (answer && answer.value.instance !== asked) mine('gone')
    // The answer comes behind all batches that were handed before it.
    else if (answer && (answer.value.handed ?? 0) > got()) mine('again')
  }

  async function call<Name extends keyof HubApi>(name: Name, ...args: Parameters<HubApi[Name]>): Promise<HubAnswer<Name>> {
    const mine = end
    let answer: Result<unknown> = hub ? await hub.call(name === 'signOut' ? SIGN_OUT_MS : CALL_MS, name, ...args) : noHub
    if (!answer.ok) {
      if (answer.error.code === 'hub-timeout') await check()
      // A hub that does not know this tab any more is another one, started behind the same port.
      if (answer.error.code !== 'closed') return answer as HubAnswer<Name>
      mine('gone')
      answer = noHub
    }
    return answer as HubAnswer<Name>
  }

  return {
    start() {
      pause.cut()
      if (isRunning || over) return
      isRunning = true
      void stayAttached()
    },
    hurry: () => pause.cut(),
    isAttached: () => !!hub,
    call,
    async ask<Name extends keyof HubApi>(name: Name, ...args: Parameters<HubApi[Name]>) {
      for (;;) {
        await attached()
        const answer: Result<unknown> = await call(name, ...args)
        if (answer.ok) return answer.value as HubValue<Name>
        if (over) throw over
        // Nobody was asked yet.
        if (answer.error !== NO_HUB) throw HoldfastError.from(answer.error)
      }
    },
    check,
    suspend() {
      isSuspended = true
      leave()
    },
    rest() {
      isResting = true
      // What is posted to a page in the back–forward cache throws it out, and so may a lock that others wait for.
      tabLock.release()
      end('again')
    },
    attachAgain() {
      isSuspended = false
      isResting = false
      wake()
      pause.cut()
      end('again')
    },
    close(error) {
      over = error
      void hub?.call(CALL_MS, 'detach')
      end('stopped')
      tabLock.release()
      ground.end()
      wake()
      pause.cut()
      resume()
    },
  }
}
