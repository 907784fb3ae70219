import type { Budgets } from './budgets.ts'
import type { Channels } from './channels.ts'
import type { Awaitable, Engine } from './engine.ts'
import type { FairTurns } from './fair-turns.ts'
import type { Flusher } from './flusher.ts'
import type { Gate } from './gate.ts'
import type { KeyedRate } from './keyed-rate.ts'
import type { Lanes } from './lanes.ts'
import type { MessageHandler } from './message-handler.ts'
import type { OpenSockets } from './open-sockets.ts'
import type { Settings } from './options.ts'
import type { Rights } from './rights.ts'
import type { SendOnlyDesk } from './send-only-desk.ts'
import type { Snapshots } from './snapshots.ts'
import type { Standstill } from './standstill.ts'
import type { CloseName, Id } from '../protocol/index.ts'
import type { LogEntry } from '../core/ports.ts'

/** A connection, as its server sees it. */
export interface HostedConnection {
  /** The session it belongs to, once its `hello` was accepted. */
  readonly session: Id | undefined
  /** Its number in that session. */
  readonly number: number
  /** Closes it; what came on it and was not begun is not applied any more. */
  end(name: CloseName): void
  /** There is no more room for what it makes the server keep. */
  crowd(): void
  close(name: CloseName): void
  /** Resolves when nothing that came on it is under way. */
  whenIdle(): Promise<void>
  /** The server will close: says when to come back. */
  goodbye(retryMinMs: number, retryMaxMs: number): void
  /** Time has passed. */
  tick(nowMs: number): void
}

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly settings: Settings
  /** Whether the server finishes what was begun, and takes nothing new. */
  readonly isClosing: boolean
  readonly engine: Engine
  readonly flusher: Flusher
  readonly channels: Channels
  readonly snapshots: Snapshots
  readonly handler: MessageHandler
  readonly lanes: Lanes
  /** What the connections share. */
  readonly budgets: Budgets
  readonly sockets: OpenSockets
  /** Whose frames are taken when. */
  readonly fairTurns: FairTurns
  /** How long the process stood still. */
  readonly standstill: Standstill
  /** How often sessions are resumed, by token hash. */
  readonly resumes: KeyedRate
  /** Where refusals are told. */
  readonly gate: Pick<Gate, 'refusals'>
  /** Who may only send. */
  readonly sendOnly: SendOnlyDesk
  /** Who may do what. */
  readonly rights: Rights
  /** Resolves when the engine has started. */
  readonly started: Awaitable<void>
  count(name: string, count?: number): void
  /** Hands a line to the app's log, whatever that makes of it. */
  log(entry: LogEntry): void
  /**
   * The connection belongs to a session now; older ones of it are fenced. False: a newer one was admitted meanwhile.
   */
  entered(connection: HostedConnection): boolean
  /** The connection is over. */
  left(connection: HostedConnection): void
  /** Ends the connection when the work fails. */
  guard(work: Promise<void>, connection: HostedConnection): void
  /** Work has failed: ends the connection. */
  failed(error: unknown, connection: HostedConnection): void
}
