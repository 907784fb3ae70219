import type { ConnectionState, OutboxRestart, RefusalReason, ResetReason, WaitReason } from 'holdfast'

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
  unreachable: 'Server unreachable',
  'server-restart': 'Server restarting',
  'no-credential': 'No tab could sign in',
  protocol: 'Protocol trouble',
  hub: 'The worker does not start',
}

const REFUSED: Readonly<Record<RefusalReason, string>> = {
  auth: 'The sign-in has expired. Sign in again.',
  user: 'Signed in as somebody else. Reload the page.',
  forbidden: 'This account may not connect.',
  version: 'This page is out of date. Reload it.',
  hub: 'The worker does not start. See the console.',
  'reload-needed': 'This page is out of date. Reload it.',
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
      return { label: 'Refused', detail: REFUSED[state.reason], tone: 'bad' }
    case 'closed':
      return { label: 'Closed', detail: 'Reload the page to connect.', tone: 'bad' }
  }
}

/** Why a channel's messages do not go on where they ended. */
export const RESET_WORDS: Readonly<Record<ResetReason, string>> = {
  trimmed: 'the gap was longer than the history',
  epoch: 'the server lost its memory',
  diverged: 'the server remembers something else',
  'too-slow': 'the value was out of date at once',
  'hook-failed': 'the value could not be read',
}

const RESTART_WORDS: Readonly<Record<OutboxRestart['reason'], string>> = {
  ledger: 'the server lost its memory',
  forgotten: 'the server has forgotten this client',
  'store-went-back': 'this browser’s memory went back',
  'server-went-back': 'the server’s memory went back',
  'other-id': 'the two memories differ',
  conflict: 'the two memories differ',
  cloned: 'this profile was copied',
  'storage-corrupt': 'stored data could not be read',
  'signed-out': 'messages were kept when you signed out',
}

/** What a restart of the outbox means for what was sent. */
export function restartLine(reason: OutboxRestart['reason'], repeated: number, lost: number): string {
  const facts = [repeated > 0 && `${countOf(repeated, 'message')} may repeat`, lost > 0 && `${countOf(lost, 'message')} may be lost`]
  return `Outbox restarted, as ${RESTART_WORDS[reason]}: ${facts.filter(Boolean).join(', ') || 'nothing is in doubt'}`
}

/** `3 messages`, `1 message`. */
export function countOf(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
