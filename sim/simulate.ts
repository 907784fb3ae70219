import { planActivity, publish } from './activity.ts'
import { planAbsences } from './absences.ts'
import { openTab } from './faults/fault.ts'
import { planFaults } from './faults/plan-faults.ts'
import { checkAtEnd, isQuiet, whatIsStuck } from './check/at-end.ts'
import { Violation } from './check/violation.ts'
import { World } from './world/world.ts'

/** Within this time everything must be well again once nothing is broken any more. */
const CONVERGENCE_MS = 400_000
/** What happened last may take so long to show everywhere. */
const SETTLING_MS = 3_000
/** For how long nothing may change then. */
const STEADY_MS = 15_000
/** Some of what went wrong before may be noticed only now. */
const MAY_CHANGE = 5
/** What every page sends while the last connection comes back, and for how long. */
const LAST_WORDS = 4
const LAST_WORDS_MS = 1_500
/** For how long, and how often, every channel gets a message in the end. */
const MARKERS_MS = 60_000
const MARKER_MS = 10_000
/** How often the app tries again where it was refused. */
const RETRY_MS = 5_000

/** What came of one simulation. */
export interface Outcome {
  readonly seed: number
  readonly violation: { readonly rule: string; readonly message: string } | null
  readonly simulatedMs: number
  readonly steps: number
  readonly checks: number
  readonly counts: Readonly<Record<string, number>>
  /** The last lines of what happened. */
  readonly trace: readonly string[]
}

/** Runs one simulation: people and server at work while things go wrong, then everything heals, and then everything must be as promised. */
export function simulate(seed: number, keepsTrace: boolean = false): Outcome {
  const world = new World(seed)
  world.keepsTrace = keepsTrace
  try {
    run(world)
  } catch (error) {
    if (!world.violation)
      world.violate(error instanceof Violation ? error : new Violation('I29', error instanceof Error ? (error.stack ?? '') : String(error)))
  }
  const { violation, schedule, check, totals } = world
  return {
    seed,
    violation: violation && { rule: violation.rule, message: violation.message },
    simulatedMs: schedule.nowMs,
    steps: schedule.steps,
    checks: check.evaluated,
    counts: totals.counts,
    trace: violation || keepsTrace ? world.lines.map((line) => line.join(' ')) : [],
  }
}

function run(world: World): void {
  const { schedule, settings, people } = world
  const isOver = (): boolean => world.violation !== null
  world.server.start()
  people.lifeMs = settings.credentialMs
  for (const user of settings.users) {
    const profile = world.addProfile(user)
    openTab(world, profile)
    openTab(world, profile)
  }
  planActivity(world)
  planFaults(world)
  planAbsences(world)
  schedule.runUntil(schedule.nowMs + world.afterBusyMs(settings.busyMs), isOver)
  if (isOver()) return

  for (const act of [heal, publishEverywhere, lastWords, newcomers, publishOnceMore]) {
    act(world)
    becomeQuiet(world)
    if (isOver()) return
  }
  staysQuiet(world)
  checkAtEnd(world)
}

/** Who is connected stays so when nothing happens any more. */
function staysQuiet(world: World): void {
  const { schedule, check } = world
  const before = world.liveTabs.map((tab) => ({ tab, changes: tab.changes }))
  schedule.runUntil(schedule.nowMs + STEADY_MS, () => world.violation !== null)
  for (const { tab, changes } of before)
    check.holds(
      tab.changes <= changes + MAY_CHANGE,
      'I32',
      () => `${tab.process.name} flips: ${tab.changes - changes} changes in ${STEADY_MS} ms`,
    )
}

function heal(world: World): void {
  world.heal()
  // Who was refused may be admitted now, and the app, which knows that, tries again.
  for (let atMs = 0; atMs < CONVERGENCE_MS / 2; atMs += RETRY_MS) world.schedule.at(atMs, () => retryRefused(world))
}

/** Everybody must get it, also who is still about to notice that its connection has died: and who then begins anew behind it gets the next. */
function publishEverywhere(world: World): void {
  for (let atMs = 0; atMs < MARKERS_MS; atMs += MARKER_MS)
    for (const channel of world.settings.channels) world.schedule.at(atMs, () => publish(world, 1, channel))
  world.hasPublishedLast = true
}

/** They come to hubs that stand still: what they are not told when they come, nothing tells them later. */
function newcomers(world: World): void {
  for (const profile of world.profiles) profile.openTab()
}

/** Who began anew where nothing was said since must hear what is said next. */
function publishOnceMore(world: World): void {
  for (const channel of world.settings.channels) publish(world, 1, channel)
}

/** Runs until nothing waits any more; everything is well, so that must come. */
function becomeQuiet(world: World): void {
  const { schedule, check } = world
  const wellMs = schedule.nowMs
  const isOver = (): boolean => world.violation !== null
  schedule.runUntil(wellMs + SETTLING_MS, isOver)
  schedule.runUntil(
    wellMs + CONVERGENCE_MS,
    everyHalfSecond(world, () => isQuiet(world)),
  )
  if (isOver()) return
  check.holds(isQuiet(world), 'I32', () => `${CONVERGENCE_MS} ms after everything was well: ${whatIsStuck(world)}`)
  world.trace('quiet', schedule.nowMs - wellMs)
}

/** Every connection breaks once more, and everybody sends while it comes back. Nothing happens afterwards that could set going what was left behind. */
function lastWords(world: World): void {
  for (const { link, liveTabs } of world.profiles) {
    link.cut(0, 0)
    for (const tab of liveTabs) {
      if (tab.isSuspended) continue
      for (let at = 0; at < LAST_WORDS; at++) {
        const channel = world.pick(world.settings.channels) ?? ''
        world.schedule.at(world.random.next() * LAST_WORDS_MS, () => tab.do(() => tab.process.isAlive && tab.send(channel, 'plain')))
      }
    }
  }
}

function retryRefused(world: World): void {
  for (const tab of world.liveTabs) {
    const { connection } = tab
    if (connection.state.current.status === 'refused') tab.do(() => tab.retryNow())
  }
}

/** Asked often, looked at rarely: looking takes time. */
function everyHalfSecond(world: World, isDone: () => boolean): () => boolean {
  let nextMs = 0
  return () => {
    if (world.violation) return true
    if (world.schedule.nowMs < nextMs) return false
    nextMs = world.schedule.nowMs + 500
    return isDone()
  }
}
