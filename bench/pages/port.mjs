/**
 * The limit: one socket in a SharedWorker, and its texts in batches over a bare port per tab.
 *
 * @param {string} host
 * @param {ReturnType<typeof import('./receiver.mjs').createReceiver>} receiver
 */
export async function start(host, { receive, fail }) {
  const { port } = new SharedWorker(new URL('./port-worker.mjs', import.meta.url), { type: 'module' })
  const ready = new Promise((opened) => {
    port.addEventListener('message', ({ data }) => {
      if (data === 'open') opened(undefined)
      else if (data === 'closed') fail('The socket was closed.')
      else {
        for (const message of JSON.parse(data)) receive(message)
        port.postMessage('next', [])
      }
    })
  })
  const tell = () => port.postMessage(document.visibilityState, [])
  document.addEventListener('visibilitychange', tell)
  port.start()
  port.postMessage(host, [])
  tell()
  await ready
}
