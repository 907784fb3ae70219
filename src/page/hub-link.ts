import { BRIDGE_VERSION, type AttachRequest, type HubApi, type Result, type TabApi } from '../bridge/contract.ts'
import { holdLock, liveHubs, whenFree, type HeldLock } from '../bridge/liveness.ts'
import { hubName, tabLockName } from '../bridge/lock-names.ts'
import { openHubPort } from '../bridge/tab-end.ts'
import { HoldfastError, type ErrorData } from '../protocol/errors.ts'
import type { HubWorker, Platform } from './platform.ts'
import { whenOverdue } from './overdue.ts'

/** How long an ordinary call may take. */
const CALL_MS = 10_000
/** How long a hub may take to answer for the first time: its script may have to be fetched. */
const START_MS = 5_000
/** The same when a hub of this tab has just died, and the script is at hand; also for a ping. */
const REVIVE_MS = 2_000
/** Longest patience, and longest pause between starts that fail. */
const MAX_PATIENCE_MS = 10_000

const NO_HUB: ErrorData = { code: 'hub-failed', message: 'The hub is gone; another one is being started.' }

/** What the link tells and asks of the connection it serves. */
export interface LinkOwner {
  readonly api: TabApi
  /** What this tab says of itself now. */
  introduce(): Omit<AttachRequest, 'bridge' | 'tab' | 'lock'>
  attached(hub: HubApi): void
  /** There is no hub. `lost`: not because this tab wanted to attach again. */
  detached(lost: boolean): void
  /** Something went wrong; the link goes on trying. */
  failed(error: HoldfastError): void
  /** The hub will not have this tab. The link has stopped. */
  refused(error: ErrorData): void
}

/** The tab's link to whichever hub lives. */
export interface HubLink {
  /** Begins, or begins again after a refusal. */
  start(): void
  /** Calls the hub; `hub-failed` when there is none. A call without an answer makes the link find out whether the hub still lives. */
  call<T>(run: (hub: HubApi) => Promise<Result<T>>): Promise<Result<T>>
  /** Calls the hub as soon as there is one. Rejects with a HoldfastError: what the hub answered, `hub-failed` when it died meanwhile, `closed`. */
  ask<T>(run: (hub: HubApi) => Promise<Result<T>>): Promise<T>
  /** Finds out whether the hub still answers; resolves when that is known. */
  check(): Promise<void>
  /** Whether an error says nothing about the call but something about the hub; resolves when it is known whether this one goes on. */
  doubt(error: ErrorData): Promise<void> | null
  /** Closes the port and states anew where this tab is. */
  attachAgain(): void
  close(): void
}

type End = 'gone' | 'again' | 'unanswered' | 'broken' | 'stopped'

/** One open port. */
interface Session {
  readonly hub: HubApi
  instance: string | null
  end(how: End, lost?: boolean): void
}

/** Where there is no browser there is no hub: nothing happens, and what is asked fails with `not-connected`. */
export const NO_LINK: HubLink = {
  start: () => {},
  call: () => Promise.resolve({ ok: false, error: NO_HUB }),
  ask: () => Promise.reject(new HoldfastError('not-connected', 'There is no connection outside a browser.')),
  check: () => Promise.resolve(),
  doubt: () => null,
  attachAgain: () => {},
  close: () => {},
}

/** Makes a link for one scope. `startHub` starts or joins the worker of that name. */
export function createHubLink(
  platform: Platform,
  scope: Promise<string>,
  startHub: (name: string) => HubWorker,
  owner: LinkOwner,
): HubLink {
  const { clock, locks } = platform
  let session: Session | null = null
  let running = false
  let closed = false
  let generation = 0
  let tab = ''
  let lock: HeldLock | null = null
  let checking: Promise<void> | null = null
  let wake = (): void => {}
  const asking: (() => void)[] = []

  async function stayAttached(): Promise<void> {
    let patienceMs = START_MS
    let quickDeaths = 0
    for (;;) {
      const sinceMs = clock.nowMs()
      const end = await attempt(patienceMs).catch((error: unknown): End => {
        owner.failed(new HoldfastError('hub-failed', `The hub could not be started: ${String(error)}`, { cause: error }))
        return 'broken'
      })
      if (closed || end === 'stopped') return
      // The same name first: browsers start it afresh when it is dead, and answer nothing when it hangs or closed itself.
      if (end === 'unanswered') generation++
      quickDeaths = end === 'gone' && clock.nowMs() - sinceMs < START_MS ? quickDeaths + 1 : 0
      if (end === 'broken' || quickDeaths > 1) await pause(patienceMs)
      patienceMs = end === 'gone' ? REVIVE_MS : end === 'again' ? START_MS : Math.min(patienceMs * 2, MAX_PATIENCE_MS)
    }
  }

  /** Attaches to a hub and stays until that ends. */
  async function attempt(patienceMs: number): Promise<End> {
    const id = await scope
    if (!lock?.isHeld()) {
      tab = platform.newId()
      lock = await holdLock(locks, tabLockName(id, tab))
    }
    const [newest] = await liveHubs(locks, id)
    generation = Math.max(generation, newest?.generation ?? 0)
    if (closed) {
      lock.release()
      return 'stopped'
    }
    const worker = startHub(hubName(id, generation))
    const opened = openHubPort(worker.port, owner.api, { clock, deadlineMs: CALL_MS })
    const over = new AbortController()
    return new Promise((resolve) => {
      const mine: Session = {
        hub: opened.hub,
        instance: null,
        end(how, lost = true) {
          if (session !== mine) return
          session = null
          cancelPatience()
          over.abort()
          if (mine.instance !== null) owner.detached(lost)
          opened.close(NO_HUB)
          resolve(how)
        },
      }
      session = mine
      const cancelPatience = whenOverdue(clock, patienceMs, () => mine.end('unanswered'))
      worker.addEventListener('error', () => {
        if (session !== mine) return
        owner.failed(new HoldfastError('hub-failed', 'The script of the hub failed or could not be loaded: see option hubUrl.'))
        // Some browsers also tell later errors of a worker that goes on.
        if (mine.instance === null) mine.end('broken')
      })
      void opened.hub.attach({ ...owner.introduce(), bridge: BRIDGE_VERSION, tab, lock: lock?.name ?? '' }).then((answer) => {
        if (session !== mine) return
        cancelPatience()
        if (answer.ok) {
          mine.instance = answer.value.instance
          void whenFree(locks, answer.value.lock, over.signal).then(() => mine.end('gone'))
          owner.attached(opened.hub)
          for (const resume of asking.splice(0)) resume()
          return
        }
        const { code } = answer.error
        // `closed`: it is about to stop. Its name would give the same worker again.
        if (code === 'hub-timeout' || code === 'closed') return mine.end('unanswered')
        if (code === 'hub-failed') return mine.end('broken')
        running = false
        mine.end('stopped')
        owner.refused(answer.error)
      })
    })
  }

  function pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.setTimer(delayMs, resolve)
      wake = () => {
        cancel()
        resolve()
      }
    })
  }

  async function ping(): Promise<void> {
    const asked = session
    // A port without an answer to `attach` has its own deadline.
    if (asked === null || asked.instance === null) return
    const cancel = whenOverdue(clock, REVIVE_MS, () => asked.end('gone'))
    const answer = await asked.hub.ping()
    cancel()
    if (!answer.ok || answer.value.instance !== asked.instance) asked.end('gone')
  }

  async function attached(): Promise<void> {
    if (closed || session?.instance) return
    await new Promise<void>((resolve) => asking.push(resolve))
    return attached()
  }

  function check(): Promise<void> {
    checking ??= ping().finally(() => (checking = null))
    return checking
  }

  async function call<T>(run: (hub: HubApi) => Promise<Result<T>>): Promise<Result<T>> {
    if (!session?.instance) return { ok: false, error: NO_HUB }
    const answer = await run(session.hub)
    if (!answer.ok) void doubt(answer.error)
    return answer
  }

  function doubt({ code }: ErrorData): Promise<void> | null {
    // A hub that does not know this tab any more is another one, started behind the same port.
    if (code === 'closed') session?.end('gone')
    return code === 'hub-timeout' ? check() : code === 'closed' ? Promise.resolve() : null
  }

  return {
    start() {
      if (running || closed) return wake()
      running = true
      void stayAttached()
    },
    call,
    async ask(run) {
      await attached()
      const answer = await call(run)
      if (answer.ok) return answer.value
      throw closed ? new HoldfastError('closed', 'The connection was closed.') : HoldfastError.from(answer.error)
    },
    check,
    doubt,
    attachAgain() {
      session?.end('again', false)
    },
    close() {
      closed = true
      void session?.hub.detach()
      session?.end('stopped')
      lock?.release()
      wake()
      for (const resume of asking.splice(0)) resume()
    },
  }
}
