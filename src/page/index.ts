/**
 * One durable connection for all of an app's tabs.
 *
 * @packageDocumentation
 */
export { connect } from './connect.ts'
export type { Connection, ListenOptions, SignOutOptions } from './connection-api.ts'
export type { ConnectionEvents } from './connection-events.ts'
export type { Channel, SendOptions } from './channel.ts'
export type { ChannelHandlers, ChannelMessage, SnapshotFacts } from './channel-feed.ts'
export type { LiveValue } from './live-value.ts'
export type { ConnectOptions, HubStart } from './options.ts'
export type { Outbox, OutboxContents, OutboxParked, OutboxPending } from './outbox.ts'
export type { SendFate, SentMessage } from './sent-message.ts'
export type { StorageFacts } from './storage-facts.ts'
export type { ResetNotice, SignedOut } from '../bridge/contract.ts'
export type { OutboxRestart, RestartReason, StorageLost } from '../core/notices.ts'
export type { LogEntry } from '../core/ports.ts'
export type { ConnectionState, ConnectionStatus, RefusalReason, StateFacts, WaitReason } from '../core/public-state.ts'
export { DEFAULT_OUTBOX, DEFAULT_RECONNECT, type OutboxSettings, type ReconnectSettings } from '../core/settings.ts'
export { HoldfastError, type ErrorCode, type ErrorData } from '../protocol/errors.ts'
export type { Id, ResetReason } from '../protocol/messages.ts'
