import { createLiveServer, Rejected } from 'holdfast/server'

/**
 * Holdfast with its memory engine. The history is deep enough for a whole burst: with less, a burst would rightly end in a reset.
 *
 * @param {import('node:http').Server} http
 * @returns {import('../server.mjs').Contender}
 */
export function serve(http) {
  let received = 0
  const live = createLiveServer({
    allowedOrigins: '*',
    history: { messages: 20_000, bytes: 16 * 2 ** 20 },
    onMessage({ data }) {
      const { n } = /** @type {import('../message.mjs').Message} */ (data)
      if (n !== ++received) throw new Rejected(`Message ${n} came where ${received} was expected.`)
    },
  })
  live.attach(http, { path: '/live' })
  return { publish: (messages) => Promise.all(messages.map((message) => live.publish('bench', message))), received: () => received }
}
