import { kindOf } from './deadline.ts'
import type { Settings } from './options.ts'
import type { HistoryLimits } from '../protocol/index.ts'
import type { LogEntry } from '../core/ports.ts'

/** What asking needs of the server. */
export interface AskHistoryHost {
  count(name: string): void
  log(entry: LogEntry): void
}

/** What the app says of a channel's history. It costs that channel alone when the app fails over it. */
export function askHistory(history: Settings['history'], channel: string, host: AskHistoryHost): HistoryLimits | null {
  try {
    return history(channel)
  } catch (error) {
    host.count('historyFailures')
    host.log({ level: 'error', event: 'history_failed', channel, error: kindOf(error) })
    return null
  }
}
