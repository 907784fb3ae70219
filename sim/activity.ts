import { sync } from './faults/send-only.ts'
import type { Payload, SimTab } from './world/sim-tab.ts'
import type { Profile } from './world/profile.ts'
import type { World } from './world/world.ts'

/** Messages of one simulation, up and down together. */
const MESSAGES = 200
const KINDS: readonly Payload['kind'][] = ['refused', 'once-failing', 'slow', 'poison', 'unanswerable', 'unpublishable']

/** Plans what people and server do while things go wrong: they send, publish, come, go and look away. */
export function planActivity(world: World): void {
  const { random, schedule, settings } = world
  const plan = (run: () => void): void => void schedule.at(world.afterBusyMs(random.next() * settings.busyMs), run)

  let left = MESSAGES
  while (left > 0) {
    const size = Math.min(left, random.integer(1, 6))
    left -= size
    if (random.next() < 0.65) plan(() => send(world, size))
    else plan(() => publish(world, size))
  }
  for (let at = random.integer(4, 12); at > 0; at--) plan(() => changeSubscription(world))
  for (let at = random.integer(2, 8); at > 0; at--) plan(() => withTab(world, (tab) => tab.show(!tab.isVisible)))
  for (let at = random.integer(1, 6); at > 0; at--) plan(() => decide(world))
  for (let at = random.integer(0, 3); at > 0; at--) plan(() => withTab(world, (tab) => tab.sendVolatile()))
  for (let at = random.integer(0, 3); at > 0; at--) plan(() => withTab(world, (tab) => tab.retryNow()))
  for (let at = random.integer(0, 4); at > 0; at--) plan(() => void sync(world, world.pick(world.profiles) as Profile, 0))
}

/** Publishes from the server's own code, when there is a server. */
export function publish(world: World, size: number, only?: string): void {
  const { core, isListening } = world.server
  if (!isListening) return void world.schedule.at(1_000, () => publish(world, size, only))
  for (let at = 0; at < size; at++) {
    const channel = only ?? world.pick(world.settings.channels) ?? ''
    const publishing = only === undefined && world.random.next() < 0.1 ? core.sendToUser('ann', { at }) : core.publish(channel, { at })
    publishing.catch(() => world.totals.count('publications refused'))
  }
}

function send(world: World, size: number): void {
  const tab = world.pick(world.liveTabs.filter(({ isSuspended }) => !isSuspended))
  if (!tab) return void world.schedule.at(1_000, () => send(world, size))
  tab.do(() => {
    for (let at = 0; at < size; at++) {
      const isOdd = world.random.next() < 0.12
      const message = tab.send(world.pick(world.settings.channels) ?? '', isOdd ? (world.pick(KINDS) ?? 'plain') : 'plain')
      if (world.random.next() < 0.06) {
        world.schedule.at(world.random.next() * 3_000, () =>
          tab.do(() => void message.cancel().catch(() => world.totals.count('not cancelled'))),
        )
      }
    }
  })
}

function changeSubscription(world: World): void {
  withTab(world, (tab) => {
    const channel = world.pick(world.settings.channels) ?? ''
    if (tab.streams.has(channel)) tab.unsubscribe(channel)
    else tab.subscribe(channel)
  })
}

/** Somebody looks at the messages that were not applied. */
function decide(world: World): void {
  withTab(world, (tab) => {
    tab.connection.outbox.subscribe(() => {})
    world.schedule.at(1_000, () =>
      tab.do(() => {
        const [parked] = tab.connection.outbox.current.parked
        if (!parked) return
        if (world.random.next() < 0.5) tab.retry(parked.id)
        else void tab.connection.outbox.discard(parked.id).catch(() => {})
      }),
    )
  })
}

function withTab(world: World, run: (tab: SimTab) => void): void {
  const tab = world.pick(world.liveTabs)
  if (tab) tab.do(() => tab.process.isAlive && run(tab))
}
