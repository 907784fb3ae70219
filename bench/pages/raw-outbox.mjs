/**
 * The limits of an outbox, measured in a worker: bare IndexedDB and a bare socket.
 *
 * @param {string} host
 */
export function start(host) {
  const worker = new Worker(new URL('./raw-outbox-worker.mjs', import.meta.url), { type: 'module' })
  /** @returns {Promise<number>} */
  const ask = (/** @type {string} */ call, /** @type {number | string} */ value) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data: { ms, error } }) => (error === undefined ? resolve(ms) : reject(new Error(error)))
      worker.onerror = ({ message }) => reject(new Error(message))
      worker.postMessage({ call, value })
    })
  return {
    singles: (/** @type {number} */ count) => ask('singles', count),
    group: (/** @type {number} */ count) => ask('group', count),
    flush: () => ask('flush', host),
  }
}
