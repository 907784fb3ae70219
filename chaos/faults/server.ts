import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from '../server-process.ts'
import type { Fault } from './fault.ts'

/** What happens to server processes and the app's code in them. */
export const SERVER_FAULTS: readonly Fault<ServerProcess>[] = [
  {
    kind: 'server kill -9',
    weight: 2,
    async run(server, random) {
      await server.kill()
      const ms = random.integer(0, 3_000)
      await sleep(ms)
      await server.start()
      return `another one after ${ms} ms`
    },
  },
  {
    kind: 'server stopped (SIGSTOP)',
    async run(server, random) {
      const ms = random.integer(0, 4) === 0 ? random.integer(8_000, 20_000) : random.integer(1_000, 6_000)
      server.signal('SIGSTOP')
      await sleep(ms)
      server.signal('SIGCONT')
      return `${ms} ms`
    },
  },
  {
    kind: 'graceful restart',
    async run(server, random) {
      const drainMs = random.integer(0, 2_000)
      await server.close(drainMs)
      const ms = random.integer(0, 1_000)
      await sleep(ms)
      await server.start()
      return `drain ${drainMs} ms, another one after ${ms} ms`
    },
  },
  {
    kind: 'handler throws',
    async run(server, random) {
      const count = random.integer(1, 8)
      server.order({ type: 'throw', count })
      return `${count} calls`
    },
  },
  {
    kind: 'handler hangs',
    async run(server, random) {
      const order = { type: 'slow', count: random.integer(1, 3), ms: random.integer(500, 5_000) } as const
      server.order(order)
      return `${order.count} calls of ${order.ms} ms`
    },
  },
  {
    kind: 'event loop blocked',
    async run(server, random) {
      const ms = random.integer(300, 2_500)
      server.order({ type: 'block', ms })
      await sleep(ms)
      return `${ms} ms`
    },
  },
  {
    kind: 'no snapshots',
    async run(server, random) {
      const ms = random.integer(500, 4_000)
      server.order({ type: 'fail-snapshots', ms })
      await sleep(ms)
      return `${ms} ms`
    },
  },
]
