import type { ConnectOptions } from '../../src/page/options.ts'
import type { LiveServerOptions } from '../../src/server/options.ts'
import type { SeededRandom } from '../../src/testing/seeded-random.ts'

/** What differs from simulation to simulation besides the faults. */
export interface Settings {
  readonly connect: Pick<ConnectOptions, 'reconnect' | 'outbox' | 'hiddenDelayMs'>
  readonly server: Pick<LiveServerOptions, 'history' | 'sessions' | 'limits'>
  /** Whether the engine outlives the server's process. */
  readonly isDurable: boolean
  readonly users: readonly string[]
  /** Time in which things are sent and go wrong. */
  readonly busyMs: number
  readonly channels: readonly string[]
  /** Life of a credential. */
  readonly credentialMs: number
}

/** Draws the settings of one simulation. Time to live and depth of the history are short enough to be reached. */
export function drawSettings(random: SeededRandom): Settings {
  const ttlMs = random.integer(20, 600) * 1_000
  const oneOf = <T>(...choices: readonly T[]): T => choices[random.integer(0, choices.length - 1)] as T
  return {
    connect: {
      reconnect: {
        baseDelayMs: random.integer(50, 1_000),
        maxDelayMs: random.integer(1_000, 30_000),
        jitter: oneOf(0, 0.5, 1),
        stableAfterMs: random.integer(100, 5_000),
      },
      outbox: {
        maxMessages: oneOf(30, 200, 10_000),
        maxAgeMs: oneOf(60_000, 600_000, 86_400_000),
        mayRepeat: oneOf('send', 'send', 'send', 'hold'),
      },
      hiddenDelayMs: oneOf(0, 200, 1_000),
    },
    server: {
      history: { messages: oneOf(4, 20, 100, 1_000) },
      sessions: { ttlMs, clientTtlMs: 172_800_000 },
      limits: { sendWindow: oneOf(2, 16, 1_024), channels: oneOf(3, 128) },
    },
    isDurable: random.next() < 0.6,
    users: oneOf(['ann', 'bob'], ['ann', 'ann'], ['ann', 'bob', 'ann']),
    busyMs: random.integer(40, 150) * 1_000,
    channels: ['list', 'log', 'other'],
    credentialMs: oneOf(Infinity, 60_000, 600_000),
  }
}
