import type { Id } from '../protocol/messages.ts'
import type { SendOptions } from './channel.ts'
import { NO_LINK, type HubLink } from './hub-link.ts'
import { HoldfastError } from '../protocol/errors.ts'
import { jsonText } from './json-text.ts'
import { createOutgoing, type Outgoing } from './outgoing.ts'
import type { Platform } from './platform.ts'
import { createSending, type Sending, type SentMessage } from './sent-message.ts'
import { createVolatileOutgoing } from './volatile-outgoing.ts'

/** Everything an app can do with messages it sends. */
export interface Sender {
  readonly outgoing: Outgoing
  send<Reply>(channel: string, data: unknown, options?: SendOptions): SentMessage<Reply>
  cancel(id: Id): Promise<void>
  retry(id: Id): SentMessage
  discard(id: Id): Promise<void>
}

/** Makes a sender that uses `link`. */
export function createSender(link: HubLink, { clock, newId, report }: Pick<Platform, 'clock' | 'newId' | 'report'>): Sender {
  const outgoing = createOutgoing((error) => link.doubt(error))
  if (link === NO_LINK) outgoing.close(new HoldfastError('not-connected', 'There is no connection outside a browser.'))
  const sendVolatile = createVolatileOutgoing((run) => link.call(run))

  async function cancel(id: Id): Promise<void> {
    if (outgoing.takeBack(id)) return
    await link.ask((hub) => hub.cancel(id))
    outgoing.told([{ id, fate: 'cancelled' }])
  }

  function sending(): Sending {
    const id = newId()
    return createSending(id, () => cancel(id), report)
  }

  return {
    outgoing,
    cancel,
    send<Reply>(channel: string, data: unknown, { durable = true }: SendOptions = {}) {
      const json = jsonText(data)
      const made = sending()
      const message = { id: made.message.id, channel, json, atMs: clock.nowMs() }
      if (durable) outgoing.send(message, made)
      else sendVolatile(message, made)
      return made.message as SentMessage<Reply>
    },
    retry(id) {
      const made = sending()
      const newer = made.message.id
      // Before the call: its fate may overtake the answer.
      outgoing.follow(newer, made)
      link
        .ask((hub) => hub.retry(id, newer))
        .then(
          () => made.queued(),
          (error: Error) => {
            outgoing.forget(newer)
            made.failed(error)
          },
        )
        .catch(report)
      return made.message
    },
    async discard(id) {
      await link.ask((hub) => hub.discard(id))
    },
  }
}
