import type { UnconfirmedLimits } from './confirmations.ts'
import type { Engine } from './engine.ts'
import type { MessageHandler } from './message-handler.ts'
import type { LogEntry } from '../core/ports.ts'

/** What a lane needs of the server. */
export interface LaneHost {
  readonly limits: UnconfirmedLimits
  readonly engine: Engine
  readonly handler: MessageHandler
  log(entry: LogEntry): void
  count(name: string, count?: number): void
  failed(error: unknown): void
}

/** A connection that sends. */
export interface LaneConnection {
  /** There is no more room for what it makes the server keep. */
  crowd(): void
}
