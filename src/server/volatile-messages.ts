import { isPromise } from './deadline.ts'
import type { Engine, Refusal } from './engine.ts'
import { incomingMessage } from './incoming-message.ts'
import type { Handled, MessageHandler, MessageSource } from './message-handler.ts'
import type { Cursor, Id, VolatileMessage } from '../protocol/index.ts'

/** What volatile messages need of their connection. */
export interface VolatileHost extends MessageSource {
  readonly client: Id
  readonly handler: MessageHandler
  readonly engine: Engine
  /** Most messages of one connection that are handled at a time; more are dropped. */
  readonly most: number
  count(name: string): void
  readonly failed: (error: unknown) => void
}

/** Messages that are handled at most once, outside the numbering, without an answer. */
export class VolatileMessages {
  readonly #host: VolatileHost
  #running = 0

  constructor(host: VolatileHost) {
    this.#host = host
  }

  /** Handles what came in one frame. */
  take(messages: readonly VolatileMessage[]): void {
    for (const message of messages) {
      this.#host.count('volatile')
      if (this.#running >= this.#host.most) this.#host.count('dropped.volatile')
      else this.#handle(message)
    }
  }

  #handle({ id, channel, data }: VolatileMessage): void {
    const { handler, client, party } = this.#host
    const message = incomingMessage(party, { id, client, channel, data, durable: false, mayRepeat: false })
    const handled = handler.handle(message, this.#host)
    if (!isPromise(handled)) {
      this.#publish(handled)
      return
    }
    this.#running++
    void handled.then((result) => {
      this.#running--
      this.#publish(result)
    })
  }

  #publish(handled: Handled | undefined): void {
    if (handled === undefined || handled.fate?.kind === 'rejected') this.#host.count('dropped.volatile')
    const publications = handled?.publications ?? []
    if (publications.length === 0) return
    try {
      const published = this.#host.engine.publish(publications, this.#host.holder)
      if (isPromise(published)) published.then(this.#published, this.#host.failed)
      else this.#published(published)
    } catch (error) {
      this.#host.failed(error)
    }
  }

  /** Where a channel cannot be made, nothing of what the message published is. */
  readonly #published = (published: readonly Cursor[] | Refusal): void => {
    if (typeof published === 'string') this.#host.count('dropped.volatile')
  }
}
