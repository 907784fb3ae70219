import { afterEach, beforeEach, expect } from 'vitest'

const namesOfObject = (): PropertyKey[] => Reflect.ownKeys(Object.prototype)

/** What must hold after whatever came from outside: no exception or rejection that nobody caught, and `Object.prototype` as it was. Holds it after each test. */
export function keepProcessUnharmed(): void {
  const names = namesOfObject()
  const uncaught: unknown[] = []
  const note = (error: unknown): void => void uncaught.push(error)

  beforeEach(() => {
    uncaught.length = 0
    process.on('unhandledRejection', note)
    process.on('uncaughtException', note)
  })

  afterEach(async () => {
    // A rejection counts as unhandled only after the turn it happened in.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', note)
    process.off('uncaughtException', note)
    expect(uncaught).toEqual([])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect(namesOfObject()).toEqual(names)
  })
}
