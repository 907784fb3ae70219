import { DEFAULT_HEARTBEAT, DEFAULT_LIMITS } from '../../protocol/index.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { Known } from './client-frames.ts'
import { maybeMutated } from './mutate.ts'
import { pick, randomFields, randomId, randomJson, some } from './random-json.ts'

const ERROR_RATE = 0.03

const TYPES = [
  'session_init',
  'session_restored',
  'send_only',
  'subscribed',
  'subscribed',
  'missed_messages',
  'messages',
  'messages',
  'reset',
  'refused',
  'ack',
  'ack',
  'expected',
  'conflict',
  'unknown_client',
  'recalled',
  'authenticate',
  'outbox_token',
  'pong',
  'goodbye',
]

/** One frame as a server might send it, well-typed or not. */
export function randomServerFrame(random: SeededRandom, known: Known): string {
  const type = pick(random, TYPES)
  return maybeMutated(random, JSON.stringify(randomFields(random, { type, ...fieldsOf(random, known, type) }, ERROR_RATE)))
}

/** An answer to `hello`, well-typed. */
export function randomAnswer(random: SeededRandom, known: Known): string {
  const type = pick(random, ['session_init', 'session_init', 'session_restored'])
  return JSON.stringify({ type, ...fieldsOf(random, known, type) })
}

function fieldsOf(random: SeededRandom, known: Known, type: string): Record<string, unknown> {
  const number = (): number => pick(random, [1, 1, 2, 3, 4, 5, 50, 2 ** 48, random.integer(1, 40)])
  const sub = (): number => random.integer(1, 8)
  const id = (): string => (random.next() < 0.7 ? pick(random, known.ids) : randomId(random))
  const place = (offset: number = random.integer(0, 12)): unknown => ({
    epoch: pick(random, known.ids),
    offset,
    id: offset === 0 ? '' : `m${offset}`.padEnd(22, '_'),
  })
  const messages = (): unknown[] => {
    let offset = random.integer(1, 12)
    return some(random, 4, () => ({
      offset,
      id: `m${offset++}`.padEnd(22, '_'),
      data: randomJson(random),
      ...(random.next() < 0.2 ? { origin: id() } : {}),
    }))
  }
  const outcome = (): unknown => {
    const n = random.integer(1, 8)
    return pick(random, [
      { n, reply: randomJson(random) },
      { n, rejected: pick(random, ['rejected', 'failed', 'unpublishable', 'forbidden', 'too-large']), message: 'no' },
      { n, skipped: true },
      { n, replyLost: pick(random, ['invalid', 'too-large', 'dropped']) },
    ])
  }
  const fate = (): unknown =>
    pick(random, [
      { id: id(), fate: 'applied', reply: randomJson(random) },
      { id: id(), fate: 'skipped' },
      { id: id(), fate: 'applied', replyLost: 'dropped' },
      { id: id(), fate: 'rejected', rejected: 'failed', message: '' },
    ])
  switch (type) {
    case 'session_init':
    case 'session_restored':
    case 'send_only':
      return {
        session: { id: pick(random, known.ids), token: pick(random, known.tokens) },
        protocol: 1,
        user: random.next() < 0.9 ? known.users[0] : pick(random, known.users),
        connection: number(),
        ledger: pick(random, known.ids),
        client: random.next() < 0.6 ? null : { hi: random.integer(1, 6), id: id() },
        reach: { made: 6, forgotten: random.integer(0, 6) },
        limits:
          random.next() < 0.8
            ? DEFAULT_LIMITS
            : { ...DEFAULT_LIMITS, frameBytes: 1_024, messageBytes: 1, framesPerSecond: 1, sendWindow: 1 },
        heartbeat: random.next() < 0.8 ? DEFAULT_HEARTBEAT : { pingMs: 100, hiddenPingMs: 100, timeoutMs: 100 },
      }
    case 'subscribed': {
      const head = random.integer(0, 12)
      const verdict = pick(random, ['recovered', 'snapshot', 'start'])
      return {
        sub: sub(),
        head: place(head),
        verdict,
        missed: random.integer(0, head),
        value: randomJson(random),
        follows: random.next() < 0.7,
      }
    }
    case 'missed_messages':
      return { sub: sub(), messages: messages() }
    case 'messages':
      return { batches: some(random, 3, () => ({ sub: sub(), messages: messages() })) }
    case 'reset':
      return { sub: sub(), reason: pick(random, ['trimmed', 'epoch', 'diverged', 'too-slow', 'hook-failed']), from: 1, to: number() }
    case 'refused':
      return { sub: sub(), reason: pick(random, ['forbidden', 'limit', 'invalid', 'too-large']), message: 'no' }
    case 'no_value':
      return { sub: sub(), reason: pick(random, ['too-slow', 'hook-failed', 'invalid', 'too-large']), message: 'no' }
    case 'ack': {
      const hi = random.next() < 0.8 ? random.integer(0, 5) : number()
      return { hi, stable: random.integer(0, Math.min(hi, 5)), id: id(), outcomes: some(random, 3, outcome) }
    }
    case 'expected':
    case 'conflict':
      return { n: number() }
    case 'recalled':
      return { client: id(), fates: some(random, 4, fate) }
    case 'authenticate':
      return { withinMs: number() }
    case 'outbox_token':
      return { outboxToken: id() }
    case 'goodbye':
      return { retryMinMs: random.integer(0, 2_000), retryMaxMs: random.integer(2_000, 5_000) }
    default:
      return {}
  }
}
