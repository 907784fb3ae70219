/**
 * Thrown by `onMessage` to refuse a message for good. The sender's receipt becomes `rejected` with this error's message
 * (the first 2,000 characters travel). Anything else that is thrown is retried.
 */
export class Rejected extends Error {
  override readonly name = 'Rejected'
}
