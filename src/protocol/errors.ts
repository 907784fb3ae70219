/**
 * Every error code of Holdfast. The README has a heading for each: what happened, and what to do.
 */
export type ErrorCode =
  | 'insecure-context'
  | 'unsupported'
  | 'never-connected'
  | 'service-worker-failed'
  | 'hub-failed'
  | 'hub-timeout'
  | 'options-disagree'
  | 'invalid-option'
  | 'invalid-data'
  | 'message-too-large'
  | 'outbox-full'
  | 'storage-failed'
  | 'storage-full'
  | 'storage-corrupt'
  | 'storage-newer'
  | 'closed'
  | 'not-connected'
  | 'dropped'
  | 'unknown'
  | 'already-sent'
  | 'not-found'
  | 'rejected'
  | 'expired'
  | 'cancelled'
  | 'may-repeat'
  | 'reply-lost'
  | 'unauthenticated'
  | 'forbidden'
  | 'limit'
  | 'version'
  | 'protocol'

/** An error as it crosses a thread or the wire: plain data, told apart by `code`. */
export interface ErrorData {
  readonly code: ErrorCode
  readonly message: string
}

/**
 * The one error class. Tell errors apart by `code`, never by `instanceof`: an error that crossed from the hub was
 * rebuilt on this side.
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** The error as plain data, for a thread or a log line. The cause stays behind: it may hold what must not travel. */
  toData(): ErrorData {
    return { code: this.code, message: this.message }
  }

  /** Rebuilds an error from its data. */
  static from(data: ErrorData): HoldfastError {
    return new HoldfastError(data.code, data.message)
  }
}
