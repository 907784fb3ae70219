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
  /** Why the server closes with it, and why the client answers so. */
  readonly why: string
}

/** A name in the table of close codes. */
export type CloseName =
  | 'goingAway'
  | 'frame'
  | 'binary'
  | 'tooLarge'
  | 'internal'
  | 'restart'
  | 'badMessage'
  | 'unauthenticated'
  | 'forbidden'
  | 'helloTimeout'
  | 'replaced'
  | 'wrongUser'
  | 'slowConsumer'
  | 'rate'
  | 'version'

/**
 * Every close code a Holdfast server sends on purpose. Any code that is not in the table (1006 among them) means `retry`:
 * the network is the usual cause, and a client that gives up on an unknown code never comes back.
 */
export const CLOSE: { readonly [Name in CloseName]: CloseRule } = {
  goingAway: { code: 1001, after: 'retry', why: 'The server is closing without notice.' },
  frame: { code: 1002, after: 'retry', why: 'A WebSocket framing rule was broken; a proxy in between may be the cause.' },
  binary: { code: 1003, after: 'retry', why: 'A binary frame came where text was expected.' },
  tooLarge: { code: 1009, after: 'retry', why: 'A frame was over the announced size.' },
  internal: { code: 1011, after: 'retry', why: 'The server failed; another try may reach a healthy one.' },
  restart: { code: 1012, after: 'retry', why: 'The server restarts; `goodbye` before it says when to come back.' },
  badMessage: { code: 4400, after: 'retry', why: 'The text was not a message of this protocol, or came out of order.' },
  unauthenticated: { code: 4401, after: 'refuse', why: 'The credential was missing, wrong or expired; only the app can give another.' },
  forbidden: { code: 4403, after: 'refuse', why: 'The user may not connect here.' },
  helloTimeout: { code: 4408, after: 'retry', why: 'No `hello` came in time; a slow network is the usual cause.' },
  replaced: { code: 4409, after: 'retry', why: 'A newer connection of the same session was accepted. The hub decides what it means.' },
  wrongUser: { code: 4411, after: 'refuse', why: 'The credential belongs to another user than the one the client acts for.' },
  slowConsumer: { code: 4413, after: 'retry', why: 'The client did not read what it was sent for too long.' },
  rate: { code: 4429, after: 'retry', why: 'The client sent more than the announced rate or window.' },
  version: { code: 4440, after: 'refuse', why: 'Client and server share no protocol version; one of them must be updated.' },
}

const byCode = new Map<number, CloseRule>(Object.values(CLOSE).map((rule) => [rule.code, rule]))

/** What a client does after a socket closed with `code`. Unknown codes mean `retry`. */
export function afterClose(code: number): AfterClose {
  return byCode.get(code)?.after ?? 'retry'
}
