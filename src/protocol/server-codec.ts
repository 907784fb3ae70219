import * as read from './decode.ts'
import { ANNOUNCED_RANGES, HEARTBEAT_RANGES, HISTORY_RANGES, type AnnouncedLimits } from './limits.ts'
import type {
  Answer,
  Outcome,
  PublishedMessage,
  RecalledFate,
  RefusedReason,
  RejectionReason,
  ReplyLoss,
  ServerMessage,
  SessionAnswer,
} from './messages.ts'

const MAX_ITEMS = 100_000
const MAX_TEXT = 2_000
/** Every reason a rejection can carry, as the wire and the storage name it. */
export const REJECTIONS: readonly RejectionReason[] = ['rejected', 'failed', 'unpublishable', 'forbidden', 'too-large']
/** Every reason a server gives for a reply that it does not have. */
export const REPLY_LOSSES: readonly ReplyLoss[] = ['invalid', 'too-large', 'dropped']
const NO_VALUES = ['too-slow', 'hook-failed', 'invalid', 'too-large'] as const
const REFUSALS: readonly RefusedReason[] = ['forbidden', 'limit', 'invalid', 'too-large']

/** Decodes what a server sent. Total: any text gives a {@link ServerMessage} or an error. */
export function decodeServerMessage(text: string): read.Decoded<ServerMessage> {
  return read.decodeWith(text, (type, fields): ServerMessage => {
    switch (type) {
      case 'messages':
        return {
          type,
          batches: read.array(fields['batches'], 'batches', MAX_ITEMS, (value) => {
            const batch = read.object(value, 'batch')
            return { sub: sub(batch['sub']), messages: published(batch['messages']) }
          }),
        }
      case 'missed_messages':
        return { type, sub: sub(fields['sub']), messages: published(fields['messages']) }
      case 'ack': {
        const hi = read.integer(fields['hi'], 'hi')
        const stable = read.integer(fields['stable'], 'stable', 0, hi)
        return {
          type,
          hi,
          stable,
          id: stable === 0 ? '' : read.id(fields['id'], 'id'),
          outcomes: read.array(fields['outcomes'], 'outcomes', MAX_ITEMS, outcome),
        }
      }
      case 'pong':
      case 'unknown_client':
        return { type }
      case 'session_init': {
        const session = read.object(fields['session'], 'session')
        const key = { id: read.id(session['id'], 'session id'), token: read.string(session['token'], 'session token', 43, 43) }
        return { type, session: key, ...sessionAnswer(fields) }
      }
      case 'session_restored': {
        const session = read.object(fields['session'], 'session')
        return { type, session: { id: read.id(session['id'], 'session id') }, ...sessionAnswer(fields) }
      }
      case 'send_only':
        return { type, ...answer(fields) }
      case 'subscribed':
        return subscribed(fields)
      case 'reset': {
        const reason = read.word(fields['reason'], 'reason', ['trimmed', 'epoch', 'diverged', 'too-slow', 'hook-failed'])
        const reset = { type, sub: sub(fields['sub']), reason } as const
        if (fields['from'] === undefined) return reset
        const from = read.integer(fields['from'], 'from', 1)
        return { ...reset, from, to: read.integer(fields['to'], 'to', from) }
      }
      case 'refused':
        return { type, ...reasoned(fields, REFUSALS) }
      case 'no_value':
        return { type, ...reasoned(fields, NO_VALUES) }
      case 'expected':
      case 'conflict':
        return { type, n: read.integer(fields['n'], 'n', 1) }
      case 'recalled':
        return { type, client: read.id(fields['client'], 'client'), fates: read.array(fields['fates'], 'fates', MAX_ITEMS, recalledFate) }
      case 'authenticate':
        return { type, withinMs: read.integer(fields['withinMs'], 'withinMs') }
      case 'outbox_token':
        return { type, outboxToken: read.outboxToken(fields['outboxToken'], 'outboxToken') }
      case 'goodbye': {
        const retryMinMs = read.integer(fields['retryMinMs'], 'retryMinMs', 0, 3_600_000)
        return { type, retryMinMs, retryMaxMs: read.integer(fields['retryMaxMs'], 'retryMaxMs', retryMinMs, 3_600_000) }
      }
      default:
        return read.malformed('type is not known')
    }
  })
}

const sub = (value: unknown): number => read.integer(value, 'sub', 1)

/** What is said of one subscription, and why. */
function reasoned<Reason extends string>(
  fields: read.Fields,
  reasons: readonly Reason[],
): { sub: number; reason: Reason; message: string } {
  return {
    sub: sub(fields['sub']),
    reason: read.word(fields['reason'], 'reason', reasons),
    message: read.string(fields['message'], 'message', 0, MAX_TEXT),
  }
}

/** The hot path of a client: checked in one loop, without an object per message, and offsets must rise by one. */
function published(value: unknown): readonly PublishedMessage[] {
  const messages = read.array(value, 'messages', MAX_ITEMS, (item) => item as PublishedMessage)
  let previous = 0
  for (const item of messages) {
    const fields = read.object(item, 'message')
    const offset = read.integer(fields['offset'], 'offset', 1)
    if (previous !== 0 && offset !== previous + 1) read.malformed('offsets do not rise by one')
    previous = offset
    read.id(fields['id'], 'id')
    read.present(fields, 'data')
    if (fields['origin'] !== undefined) read.id(fields['origin'], 'origin')
  }
  return messages
}

function subscribed(fields: read.Fields): ServerMessage {
  const base = { type: 'subscribed', sub: sub(fields['sub']), head: read.cursor(fields['head'], 'head') } as const
  const verdict = read.word(fields['verdict'], 'verdict', ['recovered', 'snapshot', 'start'])
  if (verdict === 'start') return { ...base, verdict, follows: fields['follows'] === true }
  if (verdict === 'recovered') return { ...base, verdict, missed: read.integer(fields['missed'], 'missed', 0, base.head.offset) }
  return { ...base, verdict, value: read.present(fields, 'value'), follows: fields['follows'] === true }
}

function outcome(value: unknown): Outcome {
  const fields = read.object(value, 'outcome')
  const n = read.integer(fields['n'], 'n', 1)
  if (fields['skipped'] === true) return { n, skipped: true }
  if (fields['replyLost'] !== undefined) return { n, replyLost: replyLoss(fields) }
  if (fields['rejected'] === undefined) return { n, reply: read.present(fields, 'reply') }
  return { n, ...rejection(fields) }
}

function rejection(fields: read.Fields): { rejected: RejectionReason; message: string } {
  return {
    rejected: read.word(fields['rejected'], 'rejected', REJECTIONS),
    message: read.string(fields['message'], 'message', 0, MAX_TEXT),
  }
}

function replyLoss(fields: read.Fields): ReplyLoss {
  return read.word(fields['replyLost'], 'replyLost', REPLY_LOSSES)
}

function recalledFate(value: unknown): RecalledFate {
  const fields = read.object(value, 'fate')
  const id = read.id(fields['id'], 'id')
  const fate = read.word(fields['fate'], 'fate', ['applied', 'rejected', 'skipped'])
  if (fate === 'skipped') return { id, fate }
  if (fate === 'applied' && fields['replyLost'] !== undefined) return { id, fate, replyLost: replyLoss(fields) }
  if (fate === 'applied') return fields['reply'] === undefined ? { id, fate } : { id, fate, reply: fields['reply'] }
  return { id, fate, ...rejection(fields) }
}

function answer(fields: read.Fields): Answer {
  return {
    protocol: read.integer(fields['protocol'], 'protocol', 1, 1_000_000),
    user: read.nullable(read.present(fields, 'user'), (value) => read.string(value, 'user', 1, 256)),
    ledger: read.id(fields['ledger'], 'ledger'),
    client: read.nullable(read.present(fields, 'client'), (value) => {
      const known = read.object(value, 'client')
      return { hi: read.integer(known['hi'], 'hi', 1), id: read.id(known['id'], 'id') }
    }),
    reach: reach(fields['reach']),
    ...(fields['begun'] === undefined ? {} : { begun: read.integer(fields['begun'], 'begun', 1) }),
    limits: limits(fields['limits']),
    heartbeat: read.integers(fields['heartbeat'], 'heartbeat', HEARTBEAT_RANGES),
    ...read.features(fields),
  }
}

function sessionAnswer(fields: read.Fields): SessionAnswer {
  const said = { ...answer(fields), connection: read.integer(fields['connection'], 'connection', 1) }
  return fields['outboxToken'] === undefined ? said : { ...said, outboxToken: read.outboxToken(fields['outboxToken'], 'outboxToken') }
}

function reach(value: unknown): Answer['reach'] {
  const fields = read.object(value, 'reach')
  const made = read.integer(fields['made'], 'made')
  return { made, forgotten: read.integer(fields['forgotten'], 'forgotten', 0, made) }
}

function limits(value: unknown): AnnouncedLimits {
  const { history } = read.object(value, 'limits')
  return { ...read.integers(value, 'limits', ANNOUNCED_RANGES), history: read.integers(history, 'history', HISTORY_RANGES) }
}
