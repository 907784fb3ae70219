/**
 * The wire contract, for those who write a client or a server of their own. `PROTOCOL.md` beside this file is the text.
 *
 * @packageDocumentation
 */
export { afterClose, CLOSE, type AfterClose, type CloseName, type CloseRule } from './close-codes.ts'
export { decodeClientMessage } from './client-codec.ts'
export { decodeServerMessage } from './server-codec.ts'
export { isChannelName, type Decoded } from './decode.ts'
export { HoldfastError, type ErrorCode, type ErrorData } from './errors.ts'
export { DEFAULT_HEARTBEAT, DEFAULT_HISTORY, DEFAULT_LIMITS, type AnnouncedLimits, type Heartbeat, type HistoryLimits } from './limits.ts'
export type * from './messages.ts'
export { PROTOCOL_VERSION } from './version.ts'
