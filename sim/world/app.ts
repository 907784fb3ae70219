import { Rejected } from '../../src/server/rejected.ts'
import type { LiveServerOptions } from '../../src/server/options.ts'
import type { Payload } from './sim-tab.ts'
import type { World } from './world.ts'

/** Attempts that a message of kind `once-failing` fails. */
const FAILING_TRIES = 2

/** What the app's own hooks are up to now. */
export interface AppTrouble {
  /** The snapshot hook throws. */
  failsSnapshots: boolean
  /** The hook for the history of a channel. */
  history: 'throws' | 'nonsense' | null
  /** Every handler throws. */
  failsMessages: boolean
  /** Handlers and snapshots take so long. */
  slowMs: number
}

/** The hooks of the simulated app: the server side of what the tabs do. */
export function serverOptions(world: World): LiveServerOptions {
  const { random, settings, schedule } = world
  const failures = new Map<string, number>()
  const later = async (ms: number): Promise<void> => {
    const { process } = world.server
    await new Promise<void>((resolve) => void process.after(ms, resolve))
  }
  return {
    ...settings.server,
    history: () => {
      const { history } = world.appTrouble
      if (history === 'throws') throw new Error('no history')
      return history === 'nonsense' ? { messages: -1, bytes: Number.NaN } : (settings.server.history ?? {})
    },
    authenticate: async ({ credential }) => {
      if (random.next() < 0.3) await later(random.next() * 50)
      return world.people.authenticate(credential)
    },
    authorize: ({ user, channel, action }) => action === 'send' || world.people.isAllowed(user, channel),
    snapshot: async (channel, { head }) => {
      const trouble = world.appTrouble
      if (trouble.failsSnapshots) throw new Error('no value')
      if (trouble.slowMs > 0 || random.next() < 0.3) await later(trouble.slowMs + random.next() * 100)
      const pad = settings.padUnits > 0 ? { pad: 'x'.repeat(settings.padUnits) } : {}
      return channel === 'log' || channel === '@user' ? undefined : { epoch: head.epoch, offset: head.offset, ...pad }
    },
    onMessage: async (message, context) => {
      const payload = message.data as Payload
      if (message.durable) world.check.upward.handled(message.id, message.mayRepeat)
      else world.check.passing.applied(message.id)
      world.check.rights.isKeyed(message)
      const trouble = world.appTrouble
      if (payload.kind === 'slow' || trouble.slowMs > 0) await later(trouble.slowMs + random.next() * 2_000)
      if (trouble.failsMessages || payload.kind === 'poison') throw new Error('the handler failed')
      if (payload.kind === 'once-failing') {
        const failed = failures.get(message.id) ?? 0
        failures.set(message.id, failed + 1)
        if (failed < FAILING_TRIES) throw new Error('the handler failed')
      }
      if (payload.kind === 'refused') throw new Rejected('not this')
      if (payload.kind === 'unpublishable') {
        world.check.upward.ends.ended(message.id, 'unpublishable')
        context.publish(message.channel, 1n)
      }
      if (!message.durable) return undefined
      context.publish(message.channel, { from: message.id, atMs: schedule.nowMs })
      // All of these, and the number, or none.
      if (random.next() < 0.2)
        for (let at = random.integer(1, 3); at > 0; at--) context.publish(`spare${random.integer(1, 9)}`, { from: message.id })
      if (random.next() < 0.2 && context.user !== null) context.sendToUser(context.user, { from: message.id })
      if (payload.kind !== 'unanswerable') return { id: message.id }
      world.check.upward.ends.ended(message.id, 'unanswerable')
      return { id: 1n }
    },
  }
}
