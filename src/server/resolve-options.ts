import { inspect } from 'node:util'
import { DEFAULT_HEARTBEAT, DEFAULT_HISTORY, DEFAULT_LIMITS, type AnnouncedLimits, type HistoryLimits } from '../protocol/index.ts'
import { ANNOUNCED_RANGES, HEARTBEAT_RANGES, HISTORY_RANGES, type Range } from '../protocol/limits.ts'
import { invalidOption, readOptions } from '../protocol/read-options.ts'
import { answerNow } from './answer-now.ts'
import { memoryEngine } from './engines/memory.ts'
import { nodeClock, nodeLog, nodeRandom } from './node-platform.ts'
import type { Authenticated, LiveServerOptions, ServerLimits, SessionOptions, Settings } from './options.ts'
import { readOrigin } from './origin.ts'

const DAY_MS = 86_400_000
const MAX_TIMER_MS = 2 ** 31 - 1

const { history: _announcedApart, ...announcedDefaults } = DEFAULT_LIMITS
const LIMITS: ServerLimits = {
  ...announcedDefaults,
  outboundBytes: 2 ** 20,
  helloMs: 10_000,
  slowConsumerMs: 30_000,
  waitingSockets: 10_000,
  waitingBytes: 64 * 2 ** 20,
  subscriptions: 500_000,
  snapshotsPerSecond: 100,
  addressSockets: 200,
  addressSocketsPerMinute: 600,
  resumesPerMinute: 60,
  anonymousPercent: 25,
  sharePercent: 6,
  sendOnly: 100,
  sendOnlyPerMinute: 60,
}
const SESSIONS: SessionOptions = { ttlMs: DAY_MS, clientTtlMs: 30 * DAY_MS, sweepMs: 60_000, max: 100_000, recordBytes: 256 * 2 ** 20 }

/** What each limit may be. */
export const LIMIT_RANGES: { readonly [Name in keyof ServerLimits]: Range } = {
  ...ANNOUNCED_RANGES,
  outboundBytes: [65_536, 2 ** 30],
  helloMs: [10, MAX_TIMER_MS],
  slowConsumerMs: [10, MAX_TIMER_MS],
  waitingSockets: [1, 100_000_000],
  waitingBytes: [65_536, 2 ** 40],
  subscriptions: [1, 1_000_000_000],
  snapshotsPerSecond: [1, 1_000_000],
  addressSockets: [1, 100_000_000],
  addressSocketsPerMinute: [1, 10_000_000],
  // A client makes up to 20 tries a minute: PROTOCOL.md says so, and no server may be stricter.
  resumesPerMinute: [20, 10_000_000],
  anonymousPercent: [1, 100],
  sharePercent: [1, 100],
  sendOnly: [1, 1_000_000],
  sendOnlyPerMinute: [20, 10_000_000],
}
const SESSION_RANGES: { readonly [Name in keyof SessionOptions]: Range } = {
  ttlMs: [10, 2 ** 40],
  clientTtlMs: [10, 2 ** 40],
  sweepMs: [5, MAX_TIMER_MS],
  max: [1, 100_000_000],
  recordBytes: [2 ** 20, 2 ** 40],
}

const hook = (): void => {}
/** Every option, with a value of the right type; `undefined` where that is checked apart. */
const OPTIONS: { readonly [Name in keyof Required<LiveServerOptions>]: unknown } = {
  authenticate: hook,
  addressOf: hook,
  authorize: hook,
  sendOnly: undefined,
  authorizeOutbox: hook,
  snapshot: hook,
  onMessage: hook,
  allowedOrigins: undefined,
  history: undefined,
  sessions: undefined,
  limits: undefined,
  heartbeat: undefined,
  engine: undefined,
  log: hook,
  clock: undefined,
  random: undefined,
}

/**
 * Checks the options and fills in the defaults: an option is honoured or refused, never ignored.
 *
 * @throws HoldfastError `invalid-option`
 */
export function resolveOptions<A extends Authenticated>(options: LiveServerOptions<A>): Settings {
  readOptions(options, OPTIONS)
  for (const key of ['engine', 'clock', 'random'] as const) {
    if (options[key] !== undefined && (typeof options[key] !== 'object' || options[key] === null)) invalidOption(key, 'must be an object')
  }
  // Who tells users apart and forgets to say what each may do has given everybody everything.
  if (options.authenticate !== undefined && options.authorize === undefined)
    invalidOption('authorize', 'must be given with authenticate: it says who may do what; () => true allows everything to everybody')
  const sendOnly = options.sendOnly ?? true
  if (typeof sendOnly !== 'boolean' && sendOnly !== 'until-credential-ends')
    invalidOption('sendOnly', "must be true, false or 'until-credential-ends'")
  const limits = limitsOf(options.limits)
  const sessions = numbers('sessions', options.sessions, SESSIONS, SESSION_RANGES)
  const history = historyOf(options.history)
  const announced = Object.fromEntries(Object.keys(ANNOUNCED_RANGES).map((name) => [name, limits[name as keyof typeof ANNOUNCED_RANGES]]))
  // Where everybody is anonymous there is nobody to keep anything for.
  const areAllAnonymous = options.authenticate === undefined && options.limits?.anonymousPercent === undefined
  const anonymousPercent = areAllAnonymous ? 100 : limits.anonymousPercent
  return {
    // What the app gives is only handed from one of its hooks to another.
    hooks: options as object,
    sendOnly,
    allowedOrigins: origins(options.allowedOrigins),
    history,
    announced: { ...(announced as Omit<AnnouncedLimits, 'history'>), history: announcedHistory(options.history) },
    limits,
    portions: { sharePercent: limits.sharePercent, anonymousPercent },
    sessions: { ...sessions, sweepMs: Math.min(sessions.sweepMs, Math.ceil(Math.min(sessions.ttlMs, sessions.clientTtlMs) / 2)) },
    heartbeat: numbers('heartbeat', options.heartbeat, DEFAULT_HEARTBEAT, HEARTBEAT_RANGES),
    engine: options.engine ?? memoryEngine(),
    log: options.log ?? nodeLog,
    clock: options.clock ?? nodeClock,
    random: options.random ?? nodeRandom,
  }
}

/** A limit that was not given follows those that were, where it could not be kept together with them. */
function limitsOf(given: LiveServerOptions['limits']): ServerLimits {
  const { sendWindow, channels, messageBytes } = numbers('limits', given, LIMITS, LIMIT_RANGES)
  const fitting: ServerLimits = {
    ...LIMITS,
    messageBurst: Math.max(LIMITS.messageBurst, 2 * sendWindow),
    unconfirmed: Math.max(LIMITS.unconfirmed, 2 * sendWindow),
    subscriptionBurst: Math.max(LIMITS.subscriptionBurst, 2 * channels),
  }
  const limits = numbers('limits', given, fitting, LIMIT_RANGES)
  const atLeast = (name: keyof ServerLimits, least: number, why: string): void => {
    if (limits[name] < least) invalidOption(`limits.${name}`, `must be at least ${why}`)
  }
  // A message must fit into a frame with its envelope, or it could be accepted and never delivered.
  atLeast('frameBytes', messageBytes + 1_024, 'limits.messageBytes + 1,024')
  // Whoever keeps one of a pair must not break the other.
  atLeast('messageBurst', sendWindow, 'limits.sendWindow')
  atLeast('unconfirmed', sendWindow, 'limits.sendWindow')
  atLeast('subscriptionBurst', channels, 'limits.channels')
  return limits
}

function historyOf(given: LiveServerOptions['history']): Settings['history'] {
  if (typeof given === 'function')
    return (channel) => numbers('history', answerNow('history', given(channel)), DEFAULT_HISTORY, HISTORY_RANGES)
  const limits = numbers('history', given, DEFAULT_HISTORY, HISTORY_RANGES)
  return () => limits
}

/** A client keeps its cache as deep as this says; where channels differ, the default depth is announced. */
function announcedHistory(given: LiveServerOptions['history']): HistoryLimits {
  return typeof given === 'function' ? DEFAULT_HISTORY : numbers('history', given, DEFAULT_HISTORY, HISTORY_RANGES)
}

/** Origins as browsers write them, so that a request's can be compared as a whole. */
function origins(given: LiveServerOptions['allowedOrigins']): readonly string[] | '*' | undefined {
  if (given === undefined || given === '*') return given
  if (!Array.isArray(given)) invalidOption('allowedOrigins', "must be an array of origins or '*'")
  return given.map((origin: unknown) => {
    const read = typeof origin === 'string' ? readOrigin(origin) : undefined
    if (read !== undefined) return read
    return invalidOption(
      'allowedOrigins',
      `must hold whole origins such as https://app.example.com or capacitor://localhost, without a wildcard, not ${inspect(origin)}`,
    )
  })
}

function numbers<T extends { readonly [Name in keyof T]: number }>(
  what: string,
  given: Partial<T> | undefined,
  defaults: T,
  ranges: { readonly [Name in keyof T]: Range },
): T {
  if (given === undefined) return defaults
  readOptions(given, defaults, what)
  for (const [key, value] of Object.entries<unknown>(given)) {
    const [min, max] = ranges[key as keyof T]
    if (value === undefined) invalidOption(`${what}.${key}`, 'is undefined; leave it out for the default')
    if (!Number.isInteger(value) || Number(value) < min || Number(value) > max)
      invalidOption(`${what}.${key}`, `must be a whole number from ${min} to ${max}, not ${Number(value)}`)
  }
  return { ...defaults, ...given }
}
