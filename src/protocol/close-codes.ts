/** What a client does after a close. */
export type AfterClose =
  /** Try again with the usual backoff. */
  | 'retry'
  /** Stop until the app acts: the state becomes `refused`. */
  | 'refuse'

/** One row of the table of close codes. */
export interface CloseRule {
  readonly code: number
  readonly after: AfterClose
}

/** A name in the table of close codes. */
export type CloseName =
  | 'goingAway'
  | 'frame'
  | 'binary'
  | 'tooLarge'
  | 'internal'
  | 'restart'
  | 'busy'
  | 'badMessage'
  | 'unauthenticated'
  | 'forbidden'
  | 'helloTimeout'
  | 'replaced'
  | 'signedOut'
  | 'wrongUser'
  | 'slowConsumer'
  | 'rate'
  | 'version'

/**
 * Every close code a Holdfast server sends on purpose, what the client does then, and why. Any code that is not in the
 * table (1006 among them) means `retry`: the network is the usual cause, and a client that gives up on an unknown code
 * never comes back.
 */
export const CLOSE: { readonly [Name in CloseName]: CloseRule } = {
  /** The server is closing without notice. */
  goingAway: { code: 1001, after: 'retry' },
  /** A WebSocket framing rule was broken; a proxy in between may be the cause. */
  frame: { code: 1002, after: 'retry' },
  /** A binary frame came where text was expected. */
  binary: { code: 1003, after: 'retry' },
  /** A frame, or a message put together, was over the announced size. */
  tooLarge: { code: 1009, after: 'retry' },
  /** The server failed; another try may reach a healthy one. */
  internal: { code: 1011, after: 'retry' },
  /** The server restarts; `goodbye` before it says when to come back. */
  restart: { code: 1012, after: 'retry' },
  /** The server has no more room for this user, or for anonymous connections; others may go. */
  busy: { code: 1013, after: 'retry' },
  /** The text was not a message of this protocol, or came out of order. */
  badMessage: { code: 4400, after: 'retry' },
  /** The credential was missing, wrong or expired; only the app can give another. */
  unauthenticated: { code: 4401, after: 'refuse' },
  /** The user may not connect here. */
  forbidden: { code: 4403, after: 'refuse' },
  /** No `hello` came in time; a slow network is the usual cause. */
  helloTimeout: { code: 4408, after: 'retry' },
  /** A newer connection of the same session was accepted. The hub decides what it means. */
  replaced: { code: 4409, after: 'retry' },
  /**
   * The session was ended, as the client asked. The hub that asked forgets it; for any other the user has to sign in
   * again.
   */
  signedOut: { code: 4410, after: 'refuse' },
  /** The credential belongs to another user than the one the client acts for. */
  wrongUser: { code: 4411, after: 'refuse' },
  /** Less passed than the floor rate, for too long. */
  slowConsumer: { code: 4413, after: 'retry' },
  /** The client sent more than the announced rate or window. */
  rate: { code: 4429, after: 'retry' },
  /** Client and server share no protocol version; one of them must be updated. */
  version: { code: 4440, after: 'refuse' },
}

/** What a client does after a socket closed with `code`. Unknown codes mean `retry`. */
export function afterClose(code: number): AfterClose {
  return Object.values(CLOSE).find((rule) => rule.code === code)?.after ?? 'retry'
}
