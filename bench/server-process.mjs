import { fork } from 'node:child_process'
import { once } from 'node:events'

/** @typedef {Awaited<ReturnType<typeof startServer>>} ServerProcess */

/**
 * Starts a contender's server in a process of its own.
 *
 * @param {string} contender
 * @param {string} site Directory of the built pages.
 */
export async function startServer(contender, site) {
  const child = fork(new URL('server.mjs', import.meta.url), [contender, site])
  /** @type {Map<number, { resolve(value: any): void, reject(error: Error): void }>} */
  const waiting = new Map()
  let calls = 0
  child.on('message', (/** @type {'ready' | { id: number, value?: unknown, error?: string }} */ answer) => {
    if (answer === 'ready') return
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.error === undefined) call?.resolve(answer.value)
    else call?.reject(new Error(`${contender} server: ${answer.error}`))
  })
  const ended = once(child, 'exit').then(([code]) => {
    for (const call of waiting.values()) call.reject(new Error(`${contender} server ended with ${code}.`))
    return code
  })
  const first = await Promise.race([once(child, 'message'), ended])
  if (!Array.isArray(first)) throw new Error(`${contender} server could not start.`)

  return {
    /**
     * Runs one of the calls of `server.mjs`.
     *
     * @param {string} name
     * @param {...unknown} values
     * @returns {Promise<any>}
     */
    call(name, ...values) {
      const id = ++calls
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        child.send({ id, call: name, values })
      })
    },
    async stop() {
      child.disconnect()
      await ended
    },
  }
}
