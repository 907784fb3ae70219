import { someTimeMs, type Fault } from './fault.ts'
import type { Profile } from '../world/profile.ts'
import type { World } from '../world/world.ts'

/** The app ends something; what fails over that (the server dies, its engine is away) it does not do again. */
function end(world: World, what: (rights: World['server']['core']['rights']) => Promise<void>): boolean {
  const { server, totals } = world
  if (!server.isListening) return false
  server.process.post(() => void what(server.core.rights).catch(() => totals.count('endings that failed')))
  return true
}

/** Whoever was told to stay away is told later that it may come back. */
function comeBack(world: World, user: string): void {
  world.schedule.at(someTimeMs(world, 20_000), () => {
    for (const tab of world.liveTabs) if (tab.user === user) tab.do(() => tab.retryNow())
  })
}

function disconnect(world: World, { user }: Profile): boolean {
  const reason = world.random.next() < 0.3 ? 'forbidden' : 'unauthenticated'
  comeBack(world, user)
  return end(world, (rights) => rights.disconnect(user, reason))
}

/** What the app does when somebody may not do any more what they may do now. */
export const RIGHTS_FAULTS: readonly Fault[] = [
  { kind: 'V4 a user is disconnected', inject: disconnect },
  {
    kind: 'V4 a user is disconnected as the network breaks',
    inject: (world, profile) => {
      const isDone = disconnect(world, profile)
      if (isDone) world.schedule.at(world.random.next() * 300, () => profile.link.cut(0, 0))
      return isDone
    },
  },
  {
    kind: 'V5 what a user reads of a channel is ended',
    inject: (world, { user }) => {
      const channel = world.pick(world.settings.channels) ?? ''
      const giveBack = world.people.ban(user, channel)
      world.schedule.at(someTimeMs(world, 20_000), giveBack)
      return end(world, (rights) => rights.unsubscribe(user, channel))
    },
  },
  {
    kind: 'V4 everything that a user was given is revoked',
    inject: (world, { user }) => {
      comeBack(world, user)
      return end(world, (rights) => rights.revoke(user))
    },
  },
  {
    kind: 'V4 everything is revoked, and the server restarts',
    inject: (world, { user }) => {
      const isDone = end(world, (rights) => rights.revoke(user))
      if (!isDone) return false
      comeBack(world, user)
      world.schedule.at(world.random.next() * 500, () => {
        if (world.server.isListening) world.server.kill()
        world.schedule.at(someTimeMs(world, 5_000) + 1, () => {
          if (!world.server.isListening && !world.server.isRetiring) world.server.start()
        })
      })
      return true
    },
  },
]
