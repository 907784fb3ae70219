/** What can be known of an error: what was thrown may be anything, and may come from another copy of this package. */
export interface ErrorFacts {
  /** What a log line may say of it: its name and code. The message may quote what must not be logged. */
  readonly kind: string
  readonly code: string | undefined
  readonly message: string
  readonly cause: unknown
}

/**
 * Reads an error by its shape, never by its class: two copies of the package in one process, or two realms, have two of
 * each. Never throws, whatever the fields of the error do when they are read.
 */
export function errorFacts(error: unknown): ErrorFacts {
  if (typeof error !== 'object' || error === null) return { kind: typeof error, code: undefined, message: '', cause: undefined }
  const name = textOf(error, 'name') ?? 'object'
  const code = textOf(error, 'code')
  const kind = code === undefined ? name : `${name} ${code}`
  return { kind, code, message: textOf(error, 'message') ?? '', cause: fieldOf(error, 'cause') }
}

/** Whether an error, or what caused it, holds; looks at ten of them at most. */
export function someCause(error: unknown, holds: (error: ErrorFacts) => boolean): boolean {
  let one = error
  for (let depth = 0; depth < 10 && one !== undefined; depth++) {
    const facts = errorFacts(one)
    if (holds(facts)) return true
    one = facts.cause
  }
  return false
}

/** A field of what may be a proxy, or have a getter that throws. */
export function fieldOf(value: object, name: PropertyKey): unknown {
  try {
    return Reflect.get(value, name)
  } catch {
    return undefined
  }
}

function textOf(value: object, name: string): string | undefined {
  const text = fieldOf(value, name)
  return typeof text === 'string' ? text : undefined
}
