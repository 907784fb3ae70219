import { UNCOUNTED_UNITS } from '../../src/protocol/frames.ts'
import type { ClientMessage } from '../../src/protocol/index.ts'
import type { Process } from '../world/process.ts'
import type { Wire } from '../world/wire.ts'
import type { World } from '../world/world.ts'

/** What is counted of a frame, each by a rate of its own. */
interface Counted {
  frames: number
  messages: number
  subscriptions: number
}

/** What may still come on a wire. */
interface Left extends Counted {
  atMs: number
}

/** Holds clients to the announced rates, and servers to closing nobody for one (P60). */
export class RateBook {
  /** Whoever says again what others said heeds no answer. */
  readonly repeaters: WeakSet<Process> = new WeakSet()
  readonly #world: World
  readonly #left = new WeakMap<Wire, Left>()

  constructor(world: World) {
    this.#world = world
  }

  /** A server closes a client for what it sends. None that the simulation knows sends too much. */
  closed({ id, hub }: Wire): void {
    if (this.repeaters.has(hub)) return
    this.#world.check.holds(false, 'P60', () => `wire ${id} is closed for a rate`)
  }

  /** A client says something, just now. */
  clientSays(wire: Wire, text: string): void {
    if (this.repeaters.has(wire.hub)) return
    const { settings, schedule, check, totals } = this.#world
    if (settings.rates === undefined) return
    const { framesPerSecond, frameBurst, messagesPerSecond, messageBurst, subscriptionsPerSecond, subscriptionBurst } = settings.rates
    const { nowMs } = schedule
    const before = this.#left.get(wire) ?? { frames: frameBurst, messages: messageBurst, subscriptions: subscriptionBurst, atMs: nowMs }
    const seconds = (nowMs - before.atMs) / 1_000
    const counted = count(text)
    const left = {
      frames: Math.min(frameBurst, before.frames + seconds * framesPerSecond) - counted.frames,
      messages: Math.min(messageBurst, before.messages + seconds * messagesPerSecond) - counted.messages,
      subscriptions: Math.min(subscriptionBurst, before.subscriptions + seconds * subscriptionsPerSecond) - counted.subscriptions,
      atMs: nowMs,
    }
    this.#left.set(wire, left)
    for (const name of ['frames', 'messages', 'subscriptions'] as const) {
      if (counted[name] > 0 && left[name] < 1) totals.count(`rates used up: ${name}`)
      check.holds(left[name] > -1, 'P60', () => `wire ${wire.id} carries more ${name} than were announced: ${text.slice(0, 80)}`)
    }
  }
}

function count(text: string): Counted {
  const counted = { frames: text.length < UNCOUNTED_UNITS ? 1 : 0, messages: 0, subscriptions: 0 }
  const message = JSON.parse(text) as ClientMessage
  if (message.type === 'send' || message.type === 'volatile') counted.messages = message.messages.length
  else if (message.type === 'skip') counted.messages = message.numbers.length
  else if (message.type === 'hello' || message.type === 'subscribe') counted.subscriptions = message.subscriptions.length
  else if (message.type === 'snapshot_request') counted.subscriptions = 1
  return counted
}
