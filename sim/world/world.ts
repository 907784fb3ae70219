import { createSeededRandom, type SeededRandom } from '../../src/testing/seeded-random.ts'
import type { Random } from '../../src/core/ports.ts'
import { Checker } from '../check/checker.ts'
import { Totals } from '../check/totals.ts'
import type { Violation } from '../check/violation.ts'
import { createIds } from './ids.ts'
import { People } from './people.ts'
import { Profile } from './profile.ts'
import { Schedule } from './schedule.ts'
import type { SimTab } from './sim-tab.ts'
import { SimServer } from './sim-server.ts'
import { serverOptions, type AppTrouble } from './app.ts'
import { openTab } from '../faults/fault.ts'
import { drawSettings, type Settings } from './settings.ts'

/** Lines of a trace that are kept. */
const TRACE_LINES = 400

/** Everything there is in one simulation. */
export class World {
  readonly seed: number
  readonly random: SeededRandom
  readonly schedule: Schedule = new Schedule()
  readonly ids: Random
  readonly settings: Settings
  readonly totals: Totals = new Totals()
  readonly check: Checker
  readonly people: People
  readonly server: SimServer
  readonly profiles: Profile[] = []
  readonly appTrouble: AppTrouble = { failsSnapshots: false, failsMessages: false, history: null, slowMs: 0 }
  nextTab = 1
  nextWire = 1
  violation: Violation | null = null
  /** Faults that have happened, and their kinds. */
  faults = 0
  readonly injected: Set<string> = new Set()
  /** Set when a fault to come needs copies of what was stored. */
  keepsBackups = false
  /** All is well again. */
  isHealed = false
  /** How many are still to come, or to come back. */
  toCome = 0
  /** Time in which nobody was there. */
  absentMs = 0
  /** Every channel has got a message in the end: everybody must have it. */
  hasPublishedLast = false
  /** Set to keep the whole trace. */
  keepsTrace = false
  readonly lines: unknown[][] = []
  readonly #scopes = new Map<string, string>()

  constructor(seed: number) {
    this.seed = seed
    this.random = createSeededRandom(seed)
    this.ids = createIds(this.random.fork(1))
    this.settings = drawSettings(this.random.fork(2))
    this.check = new Checker(this)
    this.people = new People(this)
    this.server = new SimServer(this, serverOptions(this), this.settings.isDurable)
  }

  get liveTabs(): SimTab[] {
    return this.profiles.flatMap((profile) => profile.liveTabs)
  }

  /** How long it is from now until somebody was there for `busyMs` in all: the absences come on top. */
  afterBusyMs(busyMs: number): number {
    const absentMs = this.settings.absences.reduce((sum, { atMs, lastsMs }) => (atMs < busyMs ? sum + lastsMs : sum), 0)
    return busyMs + absentMs - this.schedule.nowMs
  }

  /** How long somebody was there up to now. */
  get wasBusyMs(): number {
    return this.schedule.nowMs - this.absentMs
  }

  healApp(): void {
    Object.assign(this.appTrouble, { failsSnapshots: false, failsMessages: false, history: null, slowMs: 0 } satisfies AppTrouble)
  }

  /** Everything that is broken is mended, everybody is signed in, and every user who was there has a page open. */
  heal(): void {
    this.trace('heal')
    this.isHealed = true
    this.healApp()
    this.people.heal()
    this.server.heal()
    for (const profile of this.profiles) {
      profile.heal()
      for (const user of new Set(profile.tabs.map((tab) => tab.user))) {
        profile.user = user
        if (!profile.liveTabs.some((tab) => tab.user === user)) openTab(this, profile)
      }
    }
    for (const tab of this.liveTabs) {
      tab.do(() => {
        tab.listen()
        tab.retryNow()
      })
    }
  }

  addProfile(user: string): Profile {
    const profile = new Profile(this, `browser${this.profiles.length + 1}`, user)
    this.profiles.push(profile)
    return profile
  }

  /** The scope that stands for an address and a user. */
  scopeOf(key: string): string {
    let scope = this.#scopes.get(key)
    if (scope === undefined) this.#scopes.set(key, (scope = `scope${String(this.#scopes.size + 1).padStart(17, '0')}`))
    return scope
  }

  /** Remembers what happened, for whoever reads why a simulation failed. */
  trace(...line: readonly unknown[]): void {
    this.lines.push([this.schedule.nowMs, ...line])
    if (!this.keepsTrace && this.lines.length > 2 * TRACE_LINES) this.lines.splice(0, TRACE_LINES)
  }

  /** The first rule that was broken counts. */
  violate(violation: Violation): Violation {
    this.violation ??= violation
    return violation
  }

  pick<T>(choices: readonly T[]): T | undefined {
    return choices[Math.floor(this.random.next() * choices.length)]
  }
}
