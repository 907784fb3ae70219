import type { Refusal } from './refusals.ts'
import { PROTOCOL_VERSION, type CloseName } from '../protocol/index.ts'

// Users and credentials are told of, and never named. What a stranger can bring about at will is `info`: nobody has to
// look.

const CLOSES: { readonly [Name in CloseName]?: Omit<Refusal, 'kind' | 'level'> } = {
  binary: { sentence: 'A client sent a binary frame.', expected: 'text frames', advice: 'Something else than Holdfast connects here.' },
  badMessage: {
    sentence: 'A client sent what is no message of the protocol, or out of its order.',
    advice: 'Something else than Holdfast connects here, or a page of another build.',
  },
  tooLarge: {
    sentence: 'A client sent a frame that is too large.',
    option: 'limits.frameBytes, limits.channels',
    advice: 'Before its hello is answered, limits.channels decides.',
  },
  helloTimeout: {
    sentence: 'A client said no hello in time.',
    option: 'limits.helloMs',
    advice: 'Its network is slow, or it is no Holdfast.',
  },
  slowConsumer: {
    sentence: 'A client reads or sends too slowly, or asks and does not read.',
    option: 'limits.slowConsumerMs, limits.outboundBytes',
  },
  rate: {
    sentence: 'A client does more at a time than is allowed.',
    option: 'limits.sendWindow, limits.resumesPerMinute, limits.sendOnlyPerMinute',
  },
}

/**
 * What is told of every close of this name; `undefined` where there is nothing to look into, or more is told of each.
 */
export function closeRefusal(name: CloseName): Refusal | undefined {
  const known = CLOSES[name]
  return known === undefined ? undefined : { kind: name, level: 'info', ...known }
}

/** Page and server share no version. */
export function versionRefusal(came?: number): Refusal {
  return {
    kind: 'version',
    sentence: 'A client speaks another version of the protocol.',
    came: came === undefined ? 'a hello of another version' : String(came),
    expected: String(PROTOCOL_VERSION),
    advice: 'Page and server must come with versions of the package that go together; pages of an old build have to be reloaded.',
  }
}

/** The app does not take the credential. */
export function credentialRefusal(credential: string | null, close: CloseName): Refusal {
  const came = credential === null ? 'no credential' : 'a credential'
  return { kind: close, level: 'info', sentence: 'authenticate has refused a client.', came, option: 'authenticate, token of connect' }
}

/** The credential is another user's. */
export function userRefusal(claimed: string | null, found: string | null): Refusal {
  return {
    kind: 'user',
    sentence: 'A client acts for another user than authenticate has found.',
    came: claimed === null ? 'nobody' : 'a user',
    expected: found === null ? 'nobody' : claimed === null ? 'a user' : 'another user',
    option: 'authenticate, user and token of connect',
  }
}

/** No session can be given up for a new one. */
export function sessionsRefusal(max: number): Refusal {
  return { kind: 'session-room', sentence: 'No room for another session.', expected: `at most ${max}`, option: 'sessions.max' }
}

/** One connection that only sends is too many: of its client, or of all. */
export const SEND_ONLY_ROOM: Refusal = {
  kind: 'send-only-room',
  level: 'info',
  sentence: 'No room for another connection that only sends, or its client has one already.',
  option: 'limits.sendOnly',
}

/** The library of the socket has ended it for what came on it. */
export function frameRefusal(error: unknown): Refusal {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown'
  const what = { kind: 'frame', level: 'info' as const, sentence: 'A client broke the framing rules of WebSockets.', came: code }
  return code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? { ...what, option: 'limits.frameBytes' } : what
}
