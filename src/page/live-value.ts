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
export function createLiveValue<T>(
  initial: T,
  report: (error: unknown) => void,
  watched: (on: boolean) => void = () => {},
): MutableLiveValue<T> {
  let current = initial
  const listeners = createListeners<[]>(report)
  return {
    get current() {
      return current
    },
    subscribe(listener) {
      const remove = listeners.add(listener)
      if (listeners.count() === 1) watched(true)
      let on = true
      return () => {
        if (!on) return
        on = false
        remove()
        if (listeners.count() === 0) watched(false)
      }
    },
    set(value) {
      current = value
      listeners.emit()
    },
  }
}
