import type { ServerLimits } from './options.ts'
import type { Clock } from './ports.ts'
import { RateBucket } from './rate-bucket.ts'
import type { Standstill } from './standstill.ts'

/** What is announced is what a client keeps to; the server reads twice as fast, so that no clock has to agree. */
const LENIENCY = 2

/** The limits that say how fast a client may send. */
export type ReadingLimits = Pick<
  ServerLimits,
  'framesPerSecond' | 'frameBurst' | 'messagesPerSecond' | 'messageBurst' | 'subscriptionsPerSecond' | 'subscriptionBurst'
>

/**
 * How fast one connection is read. What came is taken, whatever it costs; what is owed is paid by not reading for a
 * while, so that nobody is closed for having been too fast.
 */
export class ReadingPace {
  readonly #clock: Clock
  readonly #stood: Standstill
  readonly #frames: RateBucket
  readonly #messages: RateBucket
  readonly #subscriptions: RateBucket

  constructor(limits: ReadingLimits, clock: Clock, stood: Standstill) {
    this.#clock = clock
    this.#stood = stood
    const nowMs = clock.nowMs()
    const bucket = (perSecond: number, burst: number): RateBucket =>
      new RateBucket(LENIENCY * perSecond, burst, nowMs, stood.totalMs(nowMs))
    this.#frames = bucket(limits.framesPerSecond, limits.frameBurst)
    this.#messages = bucket(limits.messagesPerSecond, limits.messageBurst)
    this.#subscriptions = bucket(limits.subscriptionsPerSecond, limits.subscriptionBurst)
  }

  /** A frame was read. */
  frame(): void {
    this.#spend(this.#frames, 1)
  }

  /** It held so many messages, numbers to skip, or messages without a number. */
  messages(count: number): void {
    this.#spend(this.#messages, count)
  }

  /** It asked for so many channels or values. */
  subscriptions(count: number): void {
    this.#spend(this.#subscriptions, count)
  }

  /** How long nothing is to be read; 0 when the next frame may come. */
  owedMs(): number {
    const nowMs = this.#clock.nowMs()
    const stoodMs = this.#stood.totalMs(nowMs)
    const owed = (bucket: RateBucket): number => bucket.owedMs(nowMs, stoodMs)
    return Math.max(owed(this.#frames), owed(this.#messages), owed(this.#subscriptions))
  }

  #spend(bucket: RateBucket, count: number): void {
    const nowMs = this.#clock.nowMs()
    bucket.spend(count, nowMs, this.#stood.totalMs(nowMs))
  }
}
