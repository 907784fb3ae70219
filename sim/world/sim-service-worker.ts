import { createSender } from '../../sw/send-once.ts'
import { sendOutbox, type SendPorts } from '../../sw/send-outbox.ts'
import { scopeOfTag } from '../../sw/sync-tag.ts'
import { DEFAULT_OUTBOX } from '../../src/core/settings.ts'
import { Process } from './process.ts'
import type { Profile } from './profile.ts'
import { openWorkerSocket } from './worker-socket.ts'
import type { World } from './world.ts'

/** A browser dispatches a `sync` event that fails so often, and waits at most so long before each. Browsers wait for minutes. */
const TRIES = 3
const FIRST_MS = 2_000
const AGAIN_MS = 30_000
/** Browsers stop a worker that has had nothing to do for a while. */
const IDLE_MS = 10_000

/** The service worker of the app in one browser: it sends outboxes when the browser says so. */
export class SimServiceWorker {
  process: Process
  readonly #world: World
  readonly #profile: Profile
  /** Tags whose event has not been dispatched yet. */
  readonly #registered = new Set<string>()
  #version = 0
  #events = 0
  #isGone = false
  #leave = new AbortController()
  #send: (scope: string) => Promise<void> = () => Promise.resolve()

  constructor(world: World, profile: Profile) {
    this.#world = world
    this.#profile = profile
    this.process = new Process(world.schedule, `${profile.name}/sw`)
    this.process.kill()
  }

  /** Events that it is at work on. */
  get isBusy(): boolean {
    return this.process.isAlive && this.#events > 0
  }

  /** A page asks for a `sync` event. */
  register(tag: string): void {
    if (this.#registered.has(tag)) return
    this.#registered.add(tag)
    this.#world.schedule.at(this.#world.random.next() * FIRST_MS, () => {
      this.#registered.delete(tag)
      this.sync(tag)
    })
  }

  /** The browser dispatches a `sync` event, and again later when it fails or the worker is stopped over it. */
  sync(tag: string, tries: number = TRIES): void {
    const { schedule, random, totals, check } = this.#world
    const scope = scopeOfTag(tag)
    if (scope === null) return
    if (!this.process.isAlive) this.#start()
    const { process } = this
    let isDone = false
    const end = (again: boolean): void => {
      if (isDone) return
      isDone = true
      if (this.process === process) this.#events--
      if (again && tries > 1 && !this.#isGone) schedule.at(random.next() * AGAIN_MS, () => this.sync(tag, tries - 1))
      else this.#rest()
    }
    const finish = (again: boolean): void => {
      if (process.isAlive) check.sendOnly.ended(this.#profile, process, scope)
      process.post(() => end(again))
    }
    this.#events++
    totals.count('sync events')
    this.#world.trace('sync', process.name, scope)
    process.onEnd(() => end(true))
    process.post(() => {
      void this.#send(scope).then(
        () => finish(false),
        () => finish(true),
      )
    })
  }

  /** An update of the app is accepted: the worker is told to leave, and a new version takes over when it has nothing to do any more. */
  update(): void {
    const leave = this.#leave
    this.#world.trace('update', this.process.name)
    this.process.post(() => {
      leave.abort()
      this.#world.check.sendOnly.left(this.process)
      this.#rest()
    })
  }

  /** The site is cleared: it is gone, and its events with it. */
  unregister(): void {
    this.#registered.clear()
    this.#isGone = true
    this.process.kill()
    this.#isGone = false
  }

  #rest(): void {
    const { process } = this
    if (this.#events > 0) return
    const restsMs = this.#leave.signal.aborted ? 0 : this.#world.random.next() * IDLE_MS
    this.#world.schedule.at(restsMs, () => {
      if (this.process === process && this.#events === 0) process.kill()
    })
  }

  #start(): void {
    const { schedule } = this.#world
    const process = (this.process = new Process(schedule, `${this.#profile.name}/sw${++this.#version}`))
    const leave = (this.#leave = new AbortController())
    const { maxAgeMs = DEFAULT_OUTBOX.maxAgeMs } = this.#world.settings.connect.outbox ?? {}
    this.#events = 0
    this.#send = createSender((scope) => sendOutbox(this.#ports(process, scope), scope, maxAgeMs, leave.signal))
  }

  #ports(process: Process, scope: string): SendPorts {
    const { check, totals, settings, ids } = this.#world
    const profile = this.#profile
    const limits = { ...DEFAULT_OUTBOX, ...settings.connect.outbox }
    const clock = profile.clockOf(process, 'serviceWorker')
    return {
      clock,
      random: ids,
      locks: profile.locks.of(process),
      openBroadcast: profile.broadcasts.of(process),
      log: (entry) => {
        if (entry.event === 'send-outbox') totals.count(`service workers ended: ${String(entry['why'])}`)
        this.#world.trace('sw', process.name, JSON.stringify(entry))
      },
      openSocket: () => openWorkerSocket(this.#world, profile, process, scope),
      store: () => {
        check.sendOnly.opens(profile, process, scope)
        const isThere = profile.disks.get(scope)?.contents.stored != null
        if (!isThere) return Promise.resolve(null)
        const restart = (): never => check.sendOnly.restarts(process)
        return Promise.resolve({ ...profile.disk(scope).store(process, clock, limits), restart })
      },
    }
  }
}
