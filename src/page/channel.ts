import type { ChannelHandlers } from './channel-feed.ts'
import type { SentMessage } from './sent-message.ts'

/** A named stream of messages: what this tab wants to hear of it, and what it sends there. */
export interface Channel<Value = unknown, Event = unknown> {
  readonly name: string
  /**
   * Hears the channel from here on: its value first, where the server has one, then every message after it. Handlers
   * are first called after `subscribe` has returned.
   * @returns how to stop; an aborted `signal` does the same. @throws HoldfastError `invalid-option` for a handler or an
   * option that is none.
   */
  subscribe(handlers: ChannelHandlers<Value, Event>, options?: { readonly signal?: AbortSignal }): () => void
  /**
   * Sends a message. Works without a connection: it waits in the outbox. With `durable: false` it is sent now or not at
   * all.
   * @throws HoldfastError `invalid-data` when `data` is not exactly JSON, `invalid-option` for an option that is none.
   * Everything later is told by what is returned.
   */
  send<Reply = unknown>(data: unknown, options?: SendOptions): SentMessage<Reply>
}

/** How to send. */
export interface SendOptions {
  /** `false`: never stored, dropped when there is no connection. @defaultValue true */
  readonly durable?: boolean
}
