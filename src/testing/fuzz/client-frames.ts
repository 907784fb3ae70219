import type { SeededRandom } from '../seeded-random.ts'
import { maybeMutated } from './mutate.ts'
import { pick, randomFields, randomId, randomJson, some } from './random-json.ts'

/** What a hostile peer knows and uses: ids of others among its own, users and credentials. */
export interface Known {
  readonly ids: readonly string[]
  readonly tokens: readonly string[]
  readonly channels: readonly string[]
  readonly users: readonly (string | null)[]
  /** What it was told itself: sessions of its own, and places of channels. */
  readonly sessions: readonly { readonly id: string; readonly token: string }[]
  readonly places: readonly unknown[]
  /** Outbox tokens of its own, and whose they are. */
  readonly outboxTokens: readonly { readonly client: string; readonly user: string | null; readonly token: string }[]
  /** Numbers worth guessing, such as the next of another client. */
  readonly numbers: readonly number[]
}

const ERROR_RATE = 0.02

/** One frame as a client might send it, well-typed or not. */
export function randomClientFrame(random: SeededRandom, known: Known): string {
  const type = pick(random, [
    'hello',
    'subscribe',
    'unsubscribe',
    'snapshot_request',
    'send',
    'send',
    'send',
    'skip',
    'volatile',
    'recall',
    'authenticate',
    'ping',
    // Ends the connection: rarely, or there would be few frames behind the first.
    random.next() < 0.1 ? 'sign_out' : 'ping',
  ])
  return maybeMutated(random, JSON.stringify(randomFields(random, { type, ...fieldsOf(random, known, type) }, ERROR_RATE)))
}

/** A `hello`, mostly well-typed. */
export function randomHello(random: SeededRandom, known: Known): string {
  return JSON.stringify(randomFields(random, { type: 'hello', ...fieldsOf(random, known, 'hello') }, ERROR_RATE / 4))
}

/** With an outbox token that is its own, mostly for what it was made for. */
function sendOnlyHello(random: SeededRandom, known: Known): Record<string, unknown> {
  const { client, user, token } = pick(random, known.outboxTokens)
  const guess = (): boolean => random.next() < 0.1
  return {
    protocol: 1,
    client: guess() ? pick(random, known.ids) : client,
    sender: pick(random, known.ids),
    confirmed: pick(random, [0, 0, 1, 2 ** 48]),
    user: guess() ? pick(random, known.users) : user,
    session: guess() ? pick(random, [null, ...known.sessions]) : null,
    credential: guess() ? pick(random, known.users) : null,
    subscriptions: guess() ? [{ sub: 1, channel: pick(random, known.channels), cursor: null }] : [],
    outboxToken: guess() ? pick(random, known.tokens) : token,
  }
}

function fieldsOf(random: SeededRandom, known: Known, type: string): Record<string, unknown> {
  const number = (): number => pick(random, [1, 1, 2, 3, 4, 5, 50, 2 ** 48, random.integer(1, 40), ...known.numbers])
  const id = (): string => (random.next() < 0.5 ? pick(random, known.ids) : randomId(random))
  const channel = (): string => pick(random, known.channels)
  const inner = (fields: Record<string, unknown>): Record<string, unknown> => randomFields(random, fields, ERROR_RATE / 8)
  const guess = (): unknown => inner({ epoch: id(), offset: pick(random, [0, 1, number()]), id: id() })
  const cursor = (): unknown => pick(random, [null, pick(random, [null, ...known.places]), guess()])
  const session = (): unknown =>
    pick(random, [null, pick(random, [null, ...known.sessions]), { id: id(), token: pick(random, known.tokens) }])
  const message = (): Record<string, unknown> => ({ id: id(), channel: channel(), data: randomJson(random) })
  switch (type) {
    case 'hello': {
      if (random.next() < 0.15 && known.outboxTokens.length > 0) return sendOnlyHello(random, known)
      const user = pick(random, known.users)
      return {
        protocol: pick(random, [1, 1, 1, 1, 1, 2]),
        client: random.next() < 0.5 ? randomId(random) : id(),
        sender: id(),
        confirmed: pick(random, [0, 0, number()]),
        user,
        session: session(),
        credential: random.next() < 0.97 ? user : pick(random, known.users),
        subscriptions: some(random, 3, () => 0).map((_, at) => inner({ sub: at + 1, channel: channel(), cursor: cursor() })),
      }
    }
    case 'subscribe':
      return { subscriptions: some(random, 3, () => inner({ sub: random.integer(4, 400), channel: channel(), cursor: cursor() })) }
    case 'unsubscribe':
      return { subs: some(random, 3, number) }
    case 'snapshot_request':
      return { sub: number(), from: number() }
    case 'send': {
      let n = number()
      return { confirmed: pick(random, [0, 0, number()]), messages: some(random, 6, () => inner({ n: n++, ...message() })) }
    }
    case 'skip':
      return { numbers: some(random, 3, () => inner({ n: number(), id: id() })) }
    case 'volatile':
      return { messages: some(random, 3, () => inner(message())) }
    case 'recall':
      return { client: id(), ids: some(random, 5, id) }
    case 'authenticate':
      return { credential: pick(random, known.users) }
    default:
      return {}
  }
}
