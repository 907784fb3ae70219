import type { Engine } from '../engine.ts'
import { memoryEngine } from '../engines/memory.ts'

/** How a method fails: before or after it has done what it does. `nonsense`: it answers what is no answer. */
export type EngineFailure =
  | 'throws'
  | 'throws a text'
  | 'throws afterwards'
  | 'rejects'
  | 'rejects afterwards'
  | 'nonsense'
  | 'never answers'

/** A memory engine of which one method can be made to fail. */
export class FailingEngine {
  readonly engine: Engine
  /** Calls that failed. */
  failures = 0
  #method: PropertyKey | undefined
  #how: EngineFailure = 'throws'

  constructor() {
    this.engine = new Proxy(memoryEngine(), {
      get: (inner, name) => {
        const value: unknown = Reflect.get(inner, name, inner)
        if (typeof value !== 'function') return name === this.#method ? this.#fail(() => value) : value
        const call = (...given: unknown[]): unknown => Reflect.apply(value, inner, given)
        return (...given: unknown[]): unknown => (name === this.#method ? this.#fail(() => call(...given)) : call(...given))
      },
    })
  }

  /** From now on this method fails. */
  fail(method: keyof Engine, how: EngineFailure): void {
    this.#method = method
    this.#how = how
  }

  /** Nothing fails any more. */
  calm(): void {
    this.#method = undefined
  }

  #fail(work: () => unknown): unknown {
    this.failures++
    if (this.#how === 'never answers') return new Promise(() => {})
    if (this.#how === 'nonsense') return Symbol('nonsense')
    if (this.#how.endsWith('afterwards')) work()
    const error = new RangeError('the engine failed')
    if (this.#how.startsWith('rejects')) return Promise.reject(error)
    // Even what nobody should throw is heard.
    if (this.#how === 'throws a text') throw 'the engine failed'
    throw error
  }
}
