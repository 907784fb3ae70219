import { existsSync, openSync, readFileSync, writeSync } from 'node:fs'

/** A line of the journal, the app's own database: what the server's handlers brought about, in the order it took effect. Outlives every server. */
export type JournalRow =
  /** A server that remembers nothing has started. */
  | { readonly type: 'started'; readonly atMs: number; readonly server: number }
  /** A number was committed, and with it these publications. */
  | {
      readonly type: 'committed'
      readonly atMs: number
      readonly server: number
      readonly client: string
      readonly user: string | null
      readonly n: number
      readonly id: string
      /** Name of the message, as the page gave it; absent in a skipped number. */
      readonly key?: string
      readonly mayRepeat?: boolean
      /** How many messages its handler published. */
      readonly publishes?: number
      readonly fate: 'applied' | 'rejected' | 'skipped'
      readonly published: readonly JournalPublication[]
    }
  /** A service worker came with a token of this client. */
  | { readonly type: 'sendOnly'; readonly atMs: number; readonly server: number; readonly client: string; readonly published: readonly [] }
  /** A message with `durable: false` came to its handler. */
  | {
      readonly type: 'volatile'
      readonly atMs: number
      readonly server: number
      readonly id: string
      readonly key: string
      readonly published: readonly []
    }
  /** A commit failed, and yet the client's highest number is another. */
  | {
      readonly type: 'half'
      readonly atMs: number
      readonly server: number
      readonly client: string
      readonly n: number
      readonly published: readonly []
    }
  /** The record of a client was given up for others. */
  | { readonly type: 'gave up'; readonly atMs: number; readonly server: number; readonly published: readonly [] }
  /** The server published of its own accord. */
  | { readonly type: 'published'; readonly atMs: number; readonly server: number; readonly published: readonly JournalPublication[] }

/** One message of a channel; `name` is unique. */
export interface JournalPublication {
  readonly channel: string
  readonly name: string
}

/** How a user's own channel is called in the journal. */
export function userChannel(user: string | null): string {
  return `@user ${user ?? ''}`
}

/** Reads what there is; a line that a killed server did not finish is left out. */
export function readJournal(path: string): readonly JournalRow[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  lines.pop()
  return lines.map((line) => JSON.parse(line) as JournalRow)
}

/** Opens the journal for more; a row is with the operating system when the call returns, so a killed server loses none. */
export function appendTo(path: string): (row: JournalRow) => void {
  const file = openSync(path, 'a')
  return (row) => void writeSync(file, `${JSON.stringify(row)}\n`)
}
