import { createRecords } from './records.mjs'

const FRAME_MESSAGES = 500

/** @type {Promise<IDBDatabase>} */
const opening = new Promise((opened, reject) => {
  const request = indexedDB.open('raw')
  request.addEventListener('upgradeneeded', () => request.result.createObjectStore('outbox', { keyPath: 'n' }))
  request.addEventListener('success', () => opened(request.result))
  request.addEventListener('error', () => reject(request.error))
})

/** @type {Record<string, (value: any) => Promise<unknown>>} */
const calls = {
  async singles(/** @type {number} */ count) {
    for (const record of createStored(count)) await put([record])
  },
  group: (/** @type {number} */ count) => put(createStored(count)),
  async flush(/** @type {string} */ host) {
    const socket = new WebSocket(`ws://${host}`)
    const ended = new Promise((read) => socket.addEventListener('message', read))
    const opened = new Promise((open) => socket.addEventListener('open', open))
    const records = await getAll()
    await opened
    for (let at = 0; at < records.length; at += FRAME_MESSAGES) socket.send(JSON.stringify(records.slice(at, at + FRAME_MESSAGES)))
    socket.send('end')
    await ended
    socket.close()
  },
}

/** @param {number} count */
function createStored(count) {
  return createRecords(count).map((message) => ({
    n: message.n,
    id: crypto.randomUUID(),
    channel: 'bench',
    json: JSON.stringify(message),
    atMs: Date.now(),
  }))
}

/**
 * One transaction.
 *
 * @param {readonly object[]} records
 */
async function put(records) {
  const database = await opening
  await new Promise((resolve, reject) => {
    const transaction = database.transaction('outbox', 'readwrite', { durability: 'relaxed' })
    const store = transaction.objectStore('outbox')
    for (const record of records) store.put(record)
    transaction.addEventListener('complete', resolve)
    transaction.addEventListener('error', () => reject(transaction.error))
  })
}

/** @returns {Promise<any[]>} */
async function getAll() {
  const database = await opening
  return new Promise((resolve, reject) => {
    const request = database.transaction('outbox').objectStore('outbox').getAll()
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error))
  })
}

globalThis.addEventListener('message', ({ data: { call, value } }) => void answer(call, value))

/**
 * @param {string} call
 * @param {unknown} value
 */
async function answer(call, value) {
  try {
    const startedAt = performance.now()
    await calls[call]?.(value)
    postMessage({ ms: performance.now() - startedAt })
  } catch (error) {
    postMessage({ error: String(error) })
  }
}
