import { connect } from 'holdfast'
import { createRecords } from './records.mjs'

/**
 * Holdfast's outbox, with a server that cannot be reached at first.
 *
 * @param {string} host
 */
export async function start(host) {
  const connection = connect({ url: `ws://${host}/live` })
  const channel = connection.channel('bench')
  /** @type {import('holdfast').SentMessage[]} */
  const sent = []
  const send = (/** @type {import('../message.mjs').Message} */ data) => {
    const message = channel.send(data)
    sent.push(message)
    return message.queued
  }
  // The first one waits for the hub to start.
  const [first] = createRecords(1)
  if (first) await send(first)

  return {
    /** Queues one after the other; milliseconds for all. */
    async singles(/** @type {number} */ count) {
      const records = createRecords(count)
      const startedAt = performance.now()
      for (const record of records) await send(record)
      return performance.now() - startedAt
    },
    /** Queues all at once; milliseconds until the last is queued. */
    async group(/** @type {number} */ count) {
      const records = createRecords(count)
      const startedAt = performance.now()
      await Promise.all(records.map(send))
      return performance.now() - startedAt
    },
    /** The server answers again; milliseconds until all is acknowledged. */
    async flush() {
      const all = Promise.all(sent.map(({ applied }) => applied))
      const startedAt = performance.now()
      connection.retryNow()
      await all
      return performance.now() - startedAt
    },
  }
}
