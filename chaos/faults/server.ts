import { setTimeout as sleep } from 'node:timers/promises'
import type { SecondChannel, ServerProcess } from '../server-process.ts'
import { fillServer } from '../strangers.ts'
import { someClockMs } from './clocks.ts'
import type { Fault } from './fault.ts'

/** What happens to server processes and the app's code in them. */
export const SERVER_FAULTS: readonly Fault<ServerProcess>[] = [
  {
    kind: 'server kill -9',
    weight: 2,
    async run(server, random) {
      const ms = random.integer(0, 3_000)
      await server.replace({ pauseMs: ms })
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
      const ms = random.integer(0, 1_000)
      await server.replace({ drainMs, pauseMs: ms })
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
  {
    kind: 'handler publishes to more channels than can be made',
    weight: 2,
    async run(server, random) {
      const channels: readonly SecondChannel[] = ['no room', 'throws', 'nonsense', 'fine']
      const channel = channels[random.integer(0, channels.length - 1)] ?? 'fine'
      const calls = channel === 'fine' ? random.integer(1, 20) : random.integer(1, 2)
      server.order({ type: 'second', count: calls, channel })
      return `${calls} calls, ${channel}`
    },
  },
  {
    kind: 'wall clock of the server set',
    async run(server, random) {
      const offMs = someClockMs(random)
      server.order({ type: 'clock', offMs })
      return `${offMs} ms off`
    },
  },
  {
    kind: 'strangers fill the server',
    run: (server, random) => fillServer(server.port, random.integer(170, 400)),
  },
]
