/** What is called when something happens. One that throws does not keep the others from being called; its error goes to `report`. */
export interface Listeners<Args extends readonly unknown[]> {
  /** Adds a listener; the same function may be added twice. Returns how to remove it, once. */
  add(listener: (...args: Args) => void): () => void
  emit(...args: Args): void
  count(): number
}

/** Makes an empty list of listeners. */
export function createListeners<Args extends readonly unknown[]>(report: (error: unknown) => void): Listeners<Args> {
  const entries = new Set<{ readonly listener: (...args: Args) => void }>()
  return {
    add(listener) {
      const entry = { listener }
      entries.add(entry)
      return () => void entries.delete(entry)
    },
    emit(...args) {
      for (const { listener } of entries) guarded(report, () => listener(...args))
    },
    count: () => entries.size,
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
