import { createListeners } from './listeners.ts'

/** A value that changes. Fits React's `useSyncExternalStore(value.subscribe, () => value.current)`. */
export interface LiveValue<T> {
  /** The same reference until it changes. */
  readonly current: T
  /** Calls `listener` after every change. Returns how to stop. Needs no `this`. */
  readonly subscribe: (listener: () => void) => () => void
}

/** A {@link LiveValue} seen from the side that changes it. */
export interface MutableLiveValue<T> extends LiveValue<T> {
  readonly set: (value: T) => void
}

/** Makes a value. `watched` is told when the first listener comes and when the last one leaves. */
export function createLiveValue<T>(current: T, report: (error: unknown) => void, watched?: (on: boolean) => void): MutableLiveValue<T> {
  const listeners = createListeners<[]>(report, watched)
  return {
    get current() {
      return current
    },
    subscribe: listeners.add,
    set(value) {
      current = value
      listeners.emit()
    },
  }
}
