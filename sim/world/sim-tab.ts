import { parseHubName, type Rung } from '../../src/bridge/lock-names.ts'
import type { ChannelHandlers } from '../../src/page/channel-feed.ts'
import type { Connection } from '../../src/page/connection-api.ts'
import { createConnection } from '../../src/page/connection.ts'
import { checkOptions } from '../../src/page/options.ts'
import type { PageEvent, Platform } from '../../src/page/platform.ts'
import type { SentMessage } from '../../src/page/sent-message.ts'
import { isId } from '../../src/protocol/decode.ts'
import type { HoldfastError } from '../../src/protocol/errors.ts'
import { keepSyncRegistered } from '../../sw/register/outbox-sync.ts'
import { Stream } from '../check/stream.ts'
import type { Disk } from './disk.ts'
import type { LockTable } from './lock-table.ts'
import { Process } from './process.ts'
import type { Profile } from './profile.ts'
import type { World } from './world.ts'

/** What a simulated message says. */
export interface Payload {
  readonly kind: 'plain' | 'refused' | 'poison' | 'slow' | 'once-failing' | 'unanswerable' | 'unpublishable'
  readonly tab: number
  readonly order: number
}

/** A page of the app, and the app in it. */
export class SimTab {
  readonly number: number
  readonly process: Process
  readonly profile: Profile
  /** Where it looks for locks. */
  lockTable: LockTable
  readonly user: string
  /** Names what this page shares with others of its browser. */
  readonly scope: string
  readonly connection: Connection
  /** What it hears, by channel. */
  readonly streams: Map<string, Stream> = new Map()
  isVisible = true
  /** In the back–forward cache, or frozen with notice. */
  isSuspended = false
  /** Its user has signed out, and it knows. */
  hasLeft = false
  /** When it last turned to a hub, and which that was. */
  joinedMs = 0
  joined: { readonly rung: Rung; readonly name: string; isAnswered: boolean } | null = null
  /** Since when it has been seen. */
  shownMs = 0
  readonly #world: World
  readonly #stops = new Map<string, () => void>()
  #tell: (event: PageEvent) => void = () => {}
  #order = 0
  #isListening = false
  /** How often it came to be connected, or was no longer. */
  changes = 0
  #hide: () => void = () => {}

  constructor(world: World, profile: Profile) {
    this.#world = world
    this.profile = profile
    this.lockTable = profile.locks
    this.user = profile.user
    this.number = world.nextTab++
    this.process = new Process(world.schedule, `${profile.name}/tab${this.number}`)
    this.process.onEnd(() => profile.reap())
    const { process } = this
    const broadcasts = profile.broadcasts.of(process)
    let locks = this.lockTable.of(process)
    const platform: Platform = {
      baseUrl: 'https://app.test/',
      origin: 'https://app.test',
      packagedHub: null,
      isOnline: () => true,
      warn: () => {},
      isSecure: true,
      missing: [],
      hasSharedWorker: profile.sharing !== 'missing',
      get locks() {
        return locks
      },
      renewLocks: () => {
        const isAnother = this.lockTable !== profile.locks
        if (isAnother) locks = (this.lockTable = profile.locks).of(process)
        return Promise.resolve(isAnother)
      },
      clock: profile.clockOf(process, 'pages'),
      newId: () => world.ids.id(),
      hash: (text) => Promise.resolve(world.scopeOf(text)),
      startHub: (name) => {
        this.#joins('shared', name)
        return profile.startHub(this, name)
      },
      startWorker: (name) => profile.startWorker(this, name),
      loadLocalHubs: () => Promise.reject(new Error('no browser here refuses its locks')),
      openBroadcast: (name) => {
        // The name of a page's own line looks like that of a hub, and ends in an id.
        const named = parseHubName(name)
        if (!named || isId(named.build)) return broadcasts(name)
        this.#joins('elected', name)
        const calls = broadcasts(name)
        const close = (): void => {
          if (this.joined) this.joined.isAnswered = true
          calls.close()
        }
        return { ...calls, close }
      },
      isVisible: () => this.isVisible,
      storage: undefined,
      watchPage: (listener) => (this.#tell = (event) => process.post(() => listener(event))),
      report: (error) => world.check.reported(this, error),
    }
    const token = (): Promise<string | null> =>
      new Promise((resolve, reject) => {
        process.after(world.random.next() * 50, () => {
          const credential = world.people.credentialOf(this.user)
          if (credential === null) reject(new Error('signed out'))
          else resolve(credential)
        })
      })
    // Every third page comes from another deployment.
    const build = this.number % 3 === 0 ? 'next' : ''
    const shared = profile.sharing !== 'mixed' || this.number % 2 === 0
    const options = checkOptions({ ...world.settings.connect, url: '/live', user: this.user, token, build, shared }, platform.baseUrl)
    this.scope = world.scopeOf(options.scopeKey)
    this.connection = createConnection(options, platform, { newest: (name) => options[name], ended: () => {} }).connection
    this.connection.on('error', (error) => world.check.errorTold(this, error))
    let { status } = this.connection.state.current
    this.connection.state.subscribe(() => {
      const { status: next } = this.connection.state.current
      if (next !== status) this.changes++
      status = next
    })
    this.process.after(world.isHealed ? 0 : drawLateness(world), () => this.listen())
    this.connection.on('signedOut', () => {
      world.check.signOuts.told(this)
      this.hasLeft = true
      // The app shows its first page again, which is another one.
      process.after(world.random.next() * 500, () => this.close())
    })
    keepSyncRegistered(this.connection, {
      register: () => (tag) => {
        if (process.isAlive) profile.serviceWorker.register(tag)
        return Promise.resolve()
      },
      onReady: () => {},
      onPageHide: (listener) => {
        this.#hide = listener
        return () => (this.#hide = () => {})
      },
      failed: (error) => world.check.reported(this, error),
    })
    world.trace('tab', process.name, 'opens', this.user)
  }

  /** The app begins to listen to what it may have to tell its user, if it has not yet. */
  listen(): void {
    if (this.#isListening) return
    this.#isListening = true
    this.connection.on('outboxRestarted', (restart) => this.#world.check.restartTold(this, restart))
    this.connection.on('storageLost', (loss) => this.#world.check.told.lost(this, loss))
  }

  /** The database of its scope. */
  get disk(): Disk {
    return this.profile.disk(this.scope)
  }

  /** Does something in this page, now or when it runs again. */
  do(run: () => void): void {
    this.process.post(run)
  }

  /** The app wants a try now. */
  retryNow(): void {
    this.connection.retryNow()
  }

  /** The user leaves. Resolves when that is over, well or not. */
  async signOut(park: boolean): Promise<void> {
    const { signOuts } = this.#world.check
    this.#world.trace('leaves', this.process.name, park)
    this.profile.askedToLeaveMs = this.#world.schedule.nowMs
    await this.connection.signOut({ park }).then(
      (answer) => signOuts.done(this, park, answer),
      (error: HoldfastError) => signOuts.failed(this, error),
    )
  }

  send(channel: string, kind: Payload['kind']): SentMessage {
    const payload: Payload = { kind, tab: this.number, order: ++this.#order }
    const message = this.connection.channel(channel).send<{ id: string }>(payload)
    this.#world.check.sent(this, message, channel, payload)
    return message
  }

  /** Sends something that is worth nothing later. */
  sendVolatile(): void {
    const payload: Payload = { kind: 'plain', tab: this.number, order: 0 }
    this.#world.check.passing.sent(this.connection.channel('list').send(payload, { durable: false }))
  }

  /** Sends a parked message once more. */
  retry(id: string): void {
    const view = this.connection.outbox.current.parked.find((parked) => parked.id === id)
    if (!view) return
    const payload: Payload = { ...(view.data as Payload), tab: this.number, order: ++this.#order }
    this.#world.check.sent(this, this.connection.outbox.retry(id), view.channel, payload, true)
  }

  subscribe(channel: string): void {
    if (this.#stops.has(channel)) return
    const stream = new Stream(this.#world, this, channel)
    const source = channel === '@user' ? this.connection.user : this.connection.channel(channel)
    this.streams.set(channel, stream)
    this.#stops.set(channel, source.subscribe(stream.handlers as ChannelHandlers))
  }

  unsubscribe(channel: string): void {
    this.#stops.get(channel)?.()
    this.#stops.delete(channel)
    this.streams.delete(channel)
  }

  show(isVisible: boolean): void {
    if (this.isVisible === isVisible) return
    this.isVisible = isVisible
    if (isVisible) this.shownMs = this.#world.schedule.nowMs
    this.#tell(isVisible ? 'visible' : 'hidden')
  }

  tell(event: PageEvent): void {
    this.#tell(event)
  }

  /** Frozen, or put into the back–forward cache: told first, then stopped. */
  suspend(tellsLast: boolean = this.number % 2 === 1): void {
    if (this.isSuspended) return
    this.#hide()
    this.#tell('suspended')
    // Some browsers tell the very last moment, others do not.
    if (tellsLast) this.#tell('frozen')
    this.isSuspended = true
    this.process.pause()
  }

  /** Runs again, whatever stopped it. */
  goOn(): void {
    this.process.resume()
    if (!this.isSuspended) return
    this.isSuspended = false
    // After what had been told before it stood still.
    this.#world.schedule.at(0, () => this.#tell('resumed'))
  }

  /** The person closes it. Browsers do not wait for anything. */
  close(): void {
    this.#hide()
    this.connection.close()
    this.#world.schedule.settle()
    this.process.kill()
  }

  #joins(rung: Rung, name: string): void {
    this.joined = { rung, name, isAnswered: false }
    this.joinedMs = this.#world.schedule.nowMs
  }
}

/** Some pages of an app listen late to what it may have to tell its user, and some do not at all. */
function drawLateness({ random }: World): number {
  const chance = random.next()
  return chance < 0.6 ? 0 : chance < 0.85 ? random.next() * 20_000 : Infinity
}
