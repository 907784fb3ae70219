import type { ConnectOptions } from '../../src/page/options.ts'
import type { HistoryLimits } from '../../src/protocol/index.ts'
import type { LiveServerOptions } from '../../src/server/options.ts'
import type { ReadingLimits } from '../../src/server/reading-pace.ts'
import { MEMORY_BOUNDS, type MemoryBounds } from '../../src/storage/fate-memory.ts'
import type { SeededRandom } from '../../src/testing/seeded-random.ts'

/** A time in which nobody is there, after so much of the time in which somebody is. */
export interface Absence {
  readonly atMs: number
  readonly lastsMs: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/**
 * How long an absence lasts, at most: beyond what is remembered for minutes, and beyond the lives of credentials,
 * sessions, messages and client records.
 */
const ABSENCES_MS = [11 * 60_000, 11 * 60_000, HOUR_MS, 30 * HOUR_MS, 3 * DAY_MS, 15 * DAY_MS, 32 * DAY_MS]
/** One simulation in so many lasts for days. */
const DAYS_SHARE = 0.2

/** What differs from simulation to simulation besides the faults. */
export interface Settings {
  readonly connect: Pick<ConnectOptions, 'reconnect' | 'outbox' | 'hiddenDelayMs'>
  readonly server: Pick<LiveServerOptions, 'sessions' | 'limits'> & { readonly history: Partial<HistoryLimits> }
  /** How much a database remembers of the messages that have ended. */
  readonly memory: MemoryBounds
  /** Channels that the engine has room for. */
  readonly maxChannels: number
  /** Bytes of messages that it has room for; left out: more than there will be. */
  readonly maxHistoryBytes?: number
  /** Whether the engine outlives the server's process. */
  readonly isDurable: boolean
  readonly users: readonly string[]
  /** Time in which things are sent and go wrong. */
  readonly busyMs: number
  /** When everybody is away meanwhile, and for how long; these times are not part of `busyMs`. */
  readonly absences: readonly Absence[]
  readonly channels: readonly string[]
  /** Life of a credential. */
  readonly credentialMs: number
  /** What the lines of all browsers carry, in bytes per millisecond, each way. */
  readonly lineBytesPerMs: number
  /** Rates that are soon used up; left out: those of every server. */
  readonly rates?: ReadingLimits
  /** Length of what makes the app's values long, in UTF-16 units. */
  readonly padUnits: number
}

/** Draws the settings of one simulation. Time to live and depth of the history are short enough to be reached. */
export function drawSettings(random: SeededRandom): Settings {
  const ttlMs = random.integer(20, 600) * 1_000
  const oneOf = <T>(...choices: readonly T[]): T => choices[random.integer(0, choices.length - 1)] as T
  const settings: Settings = {
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
      sessions: { ttlMs, clientTtlMs: 172_800_000, sweepMs: oneOf(60_000, 3_000), max: oneOf(100_000, 12) },
      limits: { sendWindow: oneOf(2, 16, 1_024), channels: oneOf(3, 128) },
    },
    isDurable: random.next() < 0.6,
    users: oneOf(['ann', 'bob'], ['ann', 'ann'], ['ann', 'bob', 'ann']),
    busyMs: random.integer(40, 150) * 1_000,
    channels: ['list', 'log', 'other'],
    credentialMs: oneOf(Infinity, 60_000, 600_000),
    lineBytesPerMs: Infinity,
    padUnits: 0,
    absences: [],
    maxChannels: oneOf(100_000, 100_000, 12, 7),
    memory: random.next() < 0.25 ? { maxFates: oneOf(2, 8, 100), maxFateUnits: 10_000, maxEnded: oneOf(0, 4, 20) } : MEMORY_BOUNDS,
  }
  const settled = withTightRates(withLine(withTightBudgets(settings)))
  return random.next() < DAYS_SHARE ? withAbsences(settled, random) : settled
}

/**
 * One simulation in seven has slow lines, from the floor rate to ten times as much, and long values. Told from what was
 * drawn already, so that the other seeds mean what they meant.
 */
function withLine(settings: Settings): Settings {
  const seconds = settings.busyMs / 1_000
  return seconds % 7 === 0 ? { ...settings, lineBytesPerMs: 4.5 + (seconds % 45), padUnits: 30_000 } : settings
}

/**
 * One simulation in ten has budgets that are soon full. Told from what was drawn already, so that the other seeds mean
 * what they meant.
 */
function withTightBudgets(settings: Settings): Settings {
  if (settings.busyMs % 10_000 !== 0) return settings
  const { server } = settings
  return {
    ...settings,
    maxHistoryBytes: 2 ** 20,
    server: {
      ...server,
      sessions: { ...server.sessions, recordBytes: 2 ** 20 },
      limits: { ...server.limits, sharePercent: 1, anonymousPercent: 1, snapshotsPerSecond: 3, waitingBytes: 65_536 },
    },
  }
}

/**
 * One simulation in eight has rates and windows that are soon used up. Told from what was drawn already, so that the
 * other seeds mean what they meant.
 */
function withTightRates(settings: Settings): Settings {
  if ((settings.busyMs / 1_000) % 8 !== 0) return settings
  const { server } = settings
  const { channels = 128 } = server.limits ?? {}
  const rates = {
    framesPerSecond: 16,
    frameBurst: 32,
    messagesPerSecond: 20,
    messageBurst: 20,
    subscriptionsPerSecond: 4,
    subscriptionBurst: Math.max(channels, 6),
  }
  const limits = { ...server.limits, ...rates, sendWindow: 16, unconfirmed: 16, replyBytes: 1_024 }
  return { ...settings, rates, server: { ...server, limits } }
}

/** The same, for days: with times to live that some of the absences outlast, and some do not. */
function withAbsences(settings: Settings, random: SeededRandom): Settings {
  const oneOf = <T>(...choices: readonly T[]): T => choices[random.integer(0, choices.length - 1)] as T
  const { connect, server, busyMs } = settings
  const absences = Array.from({ length: random.integer(1, 4) }, () => ({
    atMs: random.next() * busyMs,
    lastsMs: oneOf(...ABSENCES_MS) * (1 + random.next() / 10),
  }))
  return {
    ...settings,
    connect: { ...connect, outbox: { ...connect.outbox, maxAgeMs: oneOf(600_000, DAY_MS, 14 * DAY_MS) } },
    server: {
      ...server,
      sessions: { ...server.sessions, ttlMs: oneOf(600_000, DAY_MS), clientTtlMs: oneOf(DAY_MS, 30 * DAY_MS, 60 * DAY_MS) },
    },
    absences: absences.toSorted((a, b) => a.atMs - b.atMs),
  }
}
