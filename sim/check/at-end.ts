import type { World } from '../world/world.ts'
import type { SentFacts } from './upward-book.ts'

/** Fates after which nothing more happens to a message. */
const FINAL = new Set(['applied', 'rejected', 'expired', 'cancelled', 'failed', 'unknown'])

/** Whether everybody is connected, and nothing waits any more. */
export function isQuiet(world: World): boolean {
  return whatIsStuck(world) === ''
}

/** What still waits, in words. */
export function whatIsStuck(world: World): string {
  if (world.toCome > 0) return `${world.toCome} are still to come`
  for (const tab of world.liveTabs) {
    const { status, pending, durable } = tab.connection.state.current
    if (status === 'connected' && pending === 0) {
      const late = world.hasPublishedLast && [...tab.streams.values()].find((stream) => !stream.isAtHead())
      if (late) return `${tab.process.name} ${late.channel} is at ${late.place?.offset}, the log at ${late.head()?.offset}`
      continue
    }
    const outbox = JSON.stringify(tab.disk.contents.stored?.outbox)
    return `${tab.process.name} is ${status} with ${pending} pending${durable ? '' : ', in memory'}; stored: ${outbox}`
  }
  for (const { message, tab, id } of world.check.upward.all.values()) {
    if (tab.process.isAlive && !FINAL.has(message.fate)) return `${tab.process.name} does not know what became of ${id}: ${message.fate}`
  }
  for (const profile of world.profiles) {
    for (const [scope, { contents }] of profile.disks) {
      const isUsed = profile.liveTabs.some((tab) => tab.scope === scope)
      const isForgetful = profile.liveWorkers.some((worker) => worker.scope === scope && worker.isForgetful)
      const outbox = contents.stored?.outbox
      if (isUsed && !isForgetful && outbox && outbox.entries.length > 0) return `${profile.name} ${scope} holds ${JSON.stringify(outbox)}`
      // Every page listens by now.
      const [untold] = contents.stored?.notices ?? []
      if (isUsed && !isForgetful && untold) return `${profile.name} ${scope} has told nobody of ${JSON.stringify(untold)}`
    }
  }
  const { queued, sendOnly } = world.server.core.metrics()
  return queued + sendOnly > 0 ? `${queued} numbers and ${sendOnly} service workers are on their way on the server` : ''
}

/** What must be true in the end. */
export function checkAtEnd(world: World): void {
  const { check, server } = world
  const { sockets } = server.core.metrics()
  const workers = world.profiles.flatMap(({ liveWorkers }) => liveWorkers).length
  check.holds(sockets <= 2 * workers + 4, 'I24', () => `${sockets} sockets of ${workers} workers`)
  const losses = new Map<number, boolean[]>()
  for (const facts of world.check.upward.all.values()) {
    if (!facts.isQueued) continue
    const isLost = !hasEnded(facts)
    check.holds(!isLost || facts.excuses.size > 0, 'I6', () => `${facts.id} of tab ${facts.tab.number} was queued and is lost`)
    const tab = losses.get(facts.tab.number) ?? []
    tab.push(isLost)
    losses.set(facts.tab.number, tab)
  }
  for (const tab of losses.values()) classify(world, tab)
  check.told.atEnd()
}

function hasEnded({ applied, rejected, isPutAside, message, id, tab }: SentFacts): boolean {
  if (applied > 0 || rejected > 0 || isPutAside || FINAL.has(message.fate)) return true
  return tab.disk.knows(id)
}

/** Says where in what a tab sent the losses lie. */
function classify(world: World, lost: readonly boolean[]): void {
  lost.forEach((isLost, at) => {
    if (!isLost) return
    const shape = lost.slice(0, at).every(Boolean) ? 'prefix' : lost.slice(at).every(Boolean) ? 'postfix' : 'middle'
    world.totals.count(`lost with the storage: ${shape}`)
  })
}
