import { readOptions } from '../protocol/read-options.ts'

/**
 * What is called when something happens. One that throws does not keep the others from being called; its error goes to
 * `report`.
 */
export interface Listeners<Args extends readonly unknown[]> {
  /**
   * Adds a listener; the same function may be added twice. Returns how to remove it, once. @throws HoldfastError
   * `invalid-option` for what is no function.
   */
  readonly add: (listener: (...args: Args) => void) => () => void
  emit(...args: Args): void
  isEmpty(): boolean
}

/** Makes an empty list of listeners. `watched` is told when the first one comes and when the last one leaves. */
export function createListeners<Args extends readonly unknown[]>(
  report: (error: unknown) => void,
  watched?: (on: boolean) => void,
): Listeners<Args> {
  const entries = new Set<readonly [(...args: Args) => void]>()
  return {
    add(listener) {
      readOptions(listener, guarded, 'listener')
      const entry = [listener] as const
      if (entries.add(entry).size === 1) watched?.(true)
      return () => {
        if (entries.delete(entry) && !entries.size) watched?.(false)
      }
    },
    emit(...args) {
      for (const [listener] of entries) guarded(report, () => listener(...args))
    },
    isEmpty: () => !entries.size,
  }
}

/** Runs code of the app: what it throws is reported and goes no further. */
export function guarded(report: (error: unknown) => void, run: () => void): void {
  try {
    run()
  } catch (error) {
    report(error)
  }
}
