import { connect } from 'holdfast'

/**
 * Holdfast: one socket for all tabs.
 *
 * @param {string} host
 * @param {ReturnType<typeof import('./receiver.mjs').createReceiver>} receiver
 */
export async function start(host, { receive, fail }) {
  const connection = connect({ url: `ws://${host}/live` })
  connection.on('error', ({ message }) => fail(message))
  connection.channel('bench').subscribe({
    message: ({ data }) => receive(/** @type {import('../message.mjs').Message} */ (data)),
    reset: ({ reason }) => fail(`reset: ${reason}`),
    refused: ({ message }) => fail(message),
  })
  await new Promise((connected) => {
    const check = () => connection.state.current.status === 'connected' && connected(undefined)
    connection.state.subscribe(check)
    check()
  })
}
