import type { Flush } from '../../src/protocol/messages.ts'

/** What came back of a POST. `text` is `null` when it is not JSON. */
export interface Answer {
  readonly status: number
  readonly text: string | null
}

/**
 * What somebody between client and server says to a flush instead of the server: a gateway that reports its own trouble, or a captive portal and others whose
 * answer looks like success. Nobody in between knows what the server would have said. `null`: a redirect, which is followed nowhere.
 */
export function strangeAnswers(isGateway: boolean, text: string): readonly (Answer | null)[] {
  const { protocol, client: sender, ledger, user, entries } = JSON.parse(text) as Flush
  const last = entries.at(-1)
  const id = last?.id ?? ''
  const hi = last?.n ?? 0
  const flushed = (changes: object): string =>
    JSON.stringify({ type: 'flushed', protocol, user, ledger, client: { hi, id }, hi, stable: hi, id, outcomes: [], ...changes })
  const refused = (reason: string, n?: number): string => JSON.stringify({ type: 'flush_refused', reason, ...(n && { n }) })
  if (isGateway) {
    return [
      { status: 500, text: null },
      { status: 429, text: null },
      { status: 410, text: null },
      { status: 401, text: refused('unauthenticated') },
      { status: 403, text: refused('forbidden') },
      { status: 409, text: refused('conflict', hi) },
      { status: 503, text: refused('busy') },
      // Success under a status that says the contrary.
      { status: 502, text: flushed({}) },
    ]
  }
  return [
    null,
    { status: 200, text: null },
    { status: 204, text: '' },
    { status: 200, text: '{}' },
    { status: 200, text: '{"type":"flushed"}' },
    // Of another user, another memory, other messages, and beyond everything sent.
    { status: 200, text: flushed({ user: `not ${user}` }) },
    { status: 200, text: flushed({ ledger: sender }) },
    { status: 200, text: flushed({ client: { hi, id: sender }, id: sender }) },
    { status: 200, text: flushed({ client: { hi: hi + 9, id }, hi: hi + 9, stable: hi + 9 }) },
    { status: 200, text: flushed({ client: null }) },
  ]
}
