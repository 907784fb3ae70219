/**
 * The limits of an outbox, measured in a worker: bare IndexedDB and a bare socket.
 *
 * @param {string} host
 */
export async function start(host) {
  const worker = new Worker(new URL('./raw-outbox-worker.mjs', import.meta.url), { type: 'module' })
  /** @returns {Promise<number>} */
  const ask = (/** @type {string} */ call, /** @type {number | string} */ value) =>
    new Promise((resolve, reject) => {
      const settle = (/** @type {MessageEvent<{ ms: number, error?: string }>} */ { data: { ms, error } }) =>
        error === undefined ? resolve(ms) : reject(new Error(error))
      worker.addEventListener('message', settle, { once: true })
      worker.postMessage({ call, value }, [])
    })
  await ask('group', 1)
  return {
    singles: (/** @type {number} */ count) => ask('singles', count),
    group: (/** @type {number} */ count) => ask('group', count),
    flush: () => ask('flush', host),
  }
}
