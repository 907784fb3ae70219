import { RateBucket } from './rate-bucket.ts'

/** Most keys that are remembered; beyond it the one that came first is forgotten. */
const MAX_KEYS = 100_000

/** A rate for each of many keys: `perMinute` at once, and as many per minute on average. */
export class KeyedRate {
  readonly #perMinute: number
  readonly #count: (name: string) => void
  readonly #buckets = new Map<string, RateBucket>()

  constructor(perMinute: number, count: (name: string) => void) {
    this.#perMinute = perMinute
    this.#count = count
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /** Whether the key may once more. */
  take(key: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      const [oldest] = this.#buckets.keys()
      if (this.#buckets.size >= MAX_KEYS && oldest !== undefined) {
        this.#buckets.delete(oldest)
        this.#count('dropped.rates')
      }
      bucket = new RateBucket(this.#perMinute / 60, this.#perMinute, nowMs)
      this.#buckets.set(key, bucket)
    }
    return bucket.take(1, nowMs)
  }

  /** The key means nothing. */
  forget(key: string): void {
    this.#buckets.delete(key)
  }

  /** Forgets the keys whose time has passed: a new bucket would be as full. */
  sweep(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(key)
  }
}
