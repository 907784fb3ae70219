import { fieldOf } from './error-facts.ts'

/** The same symbol in every copy of this package. */
const BRAND = Symbol.for('holdfast.Rejected')

/**
 * Thrown by `onMessage` to refuse a message for good. The sent message becomes `rejected` with this error's message
 * (the first 2,000 characters travel). Anything else that is thrown is retried, unless it says that the handler published
 * what cannot be published. Two copies of the package in one process know each other's.
 */
export class Rejected extends Error {
  override readonly name: string = 'Rejected'

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }
}

/** Whether this is a {@link Rejected}, of whatever copy of the package. */
export function isRejected(error: unknown): boolean {
  return typeof error === 'object' && error !== null && fieldOf(error, BRAND) === true
}
