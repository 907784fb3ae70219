/**
 * The Node side: `createLiveServer`, and what its hooks get and throw.
 *
 * @packageDocumentation
 */
export { createLiveServer, type LiveServer } from './live-server.ts'
export type { HttpServer } from './http-paths.ts'
export type { AcceptedRequest, AcceptedSocket, WebSocketLike } from './websocket-like.ts'
export { Rejected } from './rejected.ts'
export { memoryEngine, type MemoryEngineOptions } from './engines/memory.ts'
export type {
  Authenticated,
  ContextOf,
  IncomingMessage,
  LiveServerOptions,
  MessageContext,
  Permission,
  ServerLimits,
  SessionOptions,
} from './options.ts'
export type {
  Admittance,
  Admitted,
  Awaitable,
  Commit,
  DisconnectReason,
  Ending,
  Engine,
  EngineCounts,
  EngineHost,
  Publication,
  Refusal,
  Revoked,
} from './engine.ts'
export type { Holder } from './holder.ts'
export type { Portions } from './shares.ts'
export type { ChannelLog } from './channel-log.ts'
export type { ClientRecord, Fate } from './client-record.ts'
export type { Metrics } from './metrics.ts'
export type { Readiness } from './readiness.ts'
export type { Clock, Random, UpgradeRequest } from './ports.ts'
export type { LogEntry } from '../core/ports.ts'
export { HoldfastError, type Cursor, type ErrorCode, type HistoryLimits, type Heartbeat } from '../protocol/index.ts'
