import { nowMs } from '../clock.mjs'

/** @typedef {(message: import('../message.mjs').Message) => void} Receive */

/** Counts what arrives. A message that is lost, repeated or out of order ends the run. */
export function createReceiver() {
  let next = 1
  let end = 0
  /** @type {number[]} */
  let latencies = []
  /** @type {PromiseWithResolvers<{ endedAt: number, latencies: number[] }> | undefined} */
  let run
  /** @type {Error | undefined} */
  let broken

  return {
    /** @type {Receive} */
    receive({ n, atMs, text }) {
      const at = nowMs()
      if (n !== next || n > end || !text.startsWith('x')) {
        broken ??= new Error(`Message ${n} came where ${next} of ${end} was expected.`)
        run?.reject(broken)
        return
      }
      next++
      latencies.push(at - atMs)
      if (n === end) run?.resolve({ endedAt: at, latencies })
    },
    /** @param {string} why */
    fail(why) {
      broken ??= new Error(why)
      run?.reject(broken)
    },
    /**
     * Expects that many messages from now on.
     *
     * @param {number} count
     */
    begin(count) {
      end += count
      latencies = []
      run = withResolvers()
      run.promise.catch(() => {})
      if (broken) run.reject(broken)
    },
    /** When the last of them was handled, and how long each was on its way. */
    finished: () => run?.promise,
  }
}

/** @returns {PromiseWithResolvers<any>} */
function withResolvers() {
  /** @type {any} */
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}
