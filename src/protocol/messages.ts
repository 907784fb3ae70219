// What travels: the parts that both directions share, what a client sends, what a server sends.
export type * from './client-messages.ts'
export type * from './message-parts.ts'
export type * from './server-messages.ts'
