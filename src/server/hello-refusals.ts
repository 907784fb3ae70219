import type { Refusal } from './refusals.ts'
import { PROTOCOL_VERSION, type CloseName } from '../protocol/index.ts'

// Users and credentials are told of, and never named.

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
