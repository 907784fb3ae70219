import * as read from './decode.ts'
import { MIN_PART_BYTES, PART_BYTES } from './frames.ts'
import { MAX_CREDENTIAL_LENGTH, MAX_ITEMS, MAX_RECALL_IDS, MAX_USER_LENGTH } from './limits.ts'
import type { ClientMessage, Hello, NumberedMessage, SubscribeRequest } from './messages.ts'

/** Decodes what a client sent. Total: any text gives a {@link ClientMessage} or an error. */
export function decodeClientMessage(text: string): read.Decoded<ClientMessage> {
  return read.decodeWith(text, (type, fields): ClientMessage => {
    switch (type) {
      case 'hello':
        return hello(fields)
      case 'subscribe':
        return { type, subscriptions: read.array(fields['subscriptions'], 'subscriptions', MAX_ITEMS, subscription) }
      case 'unsubscribe':
        return { type, subs: read.array(fields['subs'], 'subs', MAX_ITEMS, sub) }
      case 'snapshot_request':
        return { type, sub: sub(fields['sub']), from: read.integer(fields['from'], 'from') }
      case 'send':
        return {
          type,
          confirmed: read.integer(fields['confirmed'], 'confirmed'),
          messages: read.array(fields['messages'], 'messages', MAX_ITEMS, numberedMessage),
        }
      case 'skip':
        return { type, numbers: read.array(fields['numbers'], 'numbers', MAX_ITEMS, skippedNumber) }
      case 'volatile':
        return {
          type,
          messages: read.array(fields['messages'], 'messages', MAX_ITEMS, (value) => {
            const message = read.object(value, 'message')
            return { id: read.id(message['id'], 'id'), channel: read.channelName(message['channel']), data: read.present(message, 'data') }
          }),
        }
      case 'recall':
        return {
          type,
          client: read.id(fields['client'], 'client'),
          ids: read.array(fields['ids'], 'ids', MAX_RECALL_IDS, (value) => read.id(value, 'id')),
        }
      case 'authenticate':
        return { type, credential: credential(fields['credential']) }
      case 'ping':
      case 'sign_out':
        return { type }
      default:
        return read.malformed('type is not known')
    }
  })
}

const sub = (value: unknown): number => read.integer(value, 'sub', 1)
const credential = (value: unknown): string => read.string(value, 'credential', 1, MAX_CREDENTIAL_LENGTH)

function hello(fields: read.Fields): Hello {
  const partBytes = fields['partBytes']
  const said: Hello = {
    type: 'hello',
    protocol: read.integer(fields['protocol'], 'protocol', 1, 1_000_000),
    client: read.id(fields['client'], 'client'),
    sender: read.id(fields['sender'] ?? fields['client'], 'sender'),
    confirmed: read.integer(fields['confirmed'], 'confirmed'),
    user: read.nullable(read.present(fields, 'user'), (value) => read.string(value, 'user', 1, MAX_USER_LENGTH)),
    session: read.nullable(read.present(fields, 'session'), session),
    credential: read.nullable(read.present(fields, 'credential'), credential),
    subscriptions: read.array(fields['subscriptions'], 'subscriptions', MAX_ITEMS, subscription),
    ...(partBytes === undefined ? {} : { partBytes: read.integer(partBytes, 'partBytes', MIN_PART_BYTES, PART_BYTES) }),
    ...read.features(fields),
  }
  if (fields['outboxToken'] === undefined) return said
  if (said.session !== null || said.credential !== null || said.subscriptions.length > 0)
    return read.malformed('more than an outbox is asked for with its token')
  return { ...said, outboxToken: read.outboxToken(fields['outboxToken'], 'outboxToken') }
}

function session(value: unknown): { id: string; token: string } {
  const fields = read.object(value, 'session')
  return { id: read.id(fields['id'], 'session id'), token: read.string(fields['token'], 'session token', 43, 43) }
}

function subscription(value: unknown): SubscribeRequest {
  const fields = read.object(value, 'subscription')
  return {
    sub: sub(fields['sub']),
    channel: read.channelName(fields['channel']),
    cursor: read.nullable(read.present(fields, 'cursor'), (place) => read.cursor(place, 'cursor')),
  }
}

function numberedMessage(value: unknown): NumberedMessage {
  const fields = read.object(value, 'message')
  const message = {
    n: read.integer(fields['n'], 'n', 1),
    id: read.id(fields['id'], 'id'),
    channel: read.channelName(fields['channel']),
    data: read.present(fields, 'data'),
  }
  return fields['mayRepeat'] === true ? { ...message, mayRepeat: true } : message
}

function skippedNumber(value: unknown): { n: number; id: string } {
  const fields = read.object(value, 'number')
  return { n: read.integer(fields['n'], 'n', 1), id: read.id(fields['id'], 'id') }
}
