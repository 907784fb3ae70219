import type { ConnectionState, RefusalReason, WaitReason } from 'holdfast'

/** How serious it is. */
export type Tone = 'good' | 'calm' | 'warn' | 'bad'

/** A state in words. They change only when the state does: a screen reader reads them out. */
export interface Words {
  readonly label: string
  readonly detail: string
  readonly tone: Tone
}

const WAITING: Readonly<Record<WaitReason, string>> = {
  offline: 'This device is offline',
  unreachable: 'The server cannot be reached',
  'server-restart': 'The server restarts',
  'no-credential': 'No tab could sign in',
  protocol: 'The two sides did not understand each other',
}

const REFUSED: Readonly<Record<RefusalReason, string>> = {
  auth: 'The sign-in has expired. Sign in again.',
  user: 'Signed in as somebody else. Reload the page.',
  forbidden: 'This account may not connect.',
  version: 'This page is out of date. Reload it.',
}

/** Says what the connection is doing, for people. */
export function wordsFor(state: ConnectionState): Words {
  switch (state.status) {
    case 'connecting':
      return { label: 'Connecting', detail: 'Opening the socket.', tone: 'calm' }
    case 'recovering':
      return { label: 'Catching up', detail: 'Replaying what was missed.', tone: 'calm' }
    case 'connected':
      return { label: 'Connected', detail: 'Everything is up to date.', tone: 'good' }
    case 'waiting':
      return { label: WAITING[state.reason], detail: 'What you send is kept.', tone: 'warn' }
    case 'refused':
      return { label: 'The server refuses', detail: REFUSED[state.reason], tone: 'bad' }
    case 'closed':
      return { label: 'Closed', detail: 'Reload the page to connect.', tone: 'bad' }
  }
}

/** `3 messages`, `1 message`. */
export function countOf(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
