import { nowMs } from '../clock.mjs'

/** @typedef {{ endedAt: number, latencies: number[] }} Arrivals When the last message was handled, and how long each was on its way, ms. */
/** @typedef {{ finished: Promise<Arrivals>, resolve(arrivals: Arrivals): void, reject(error: Error): void }} Run */

/** Counts what arrives. A message that is lost, repeated or out of order ends the run. */
export function createReceiver() {
  let next = 1
  let end = 0
  /** @type {number[]} */
  let latencies = []
  /** @type {Run | undefined} */
  let run
  /** @type {Error | undefined} */
  let broken

  return {
    receive: (/** @type {import('../message.mjs').Message} */ { n, atMs, text }) => {
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
    fail: (/** @type {string} */ why) => {
      broken ??= new Error(why)
      run?.reject(broken)
    },
    /** Expects that many messages from now on. */
    begin: (/** @type {number} */ count) => {
      end += count
      latencies = []
      run = createRun()
      run.finished.catch(() => {})
      if (broken) run.reject(broken)
    },
    finished: () => run?.finished,
  }
}

/** @returns {Run} */
function createRun() {
  /** @type {Pick<Run, 'resolve' | 'reject'> | undefined} */
  let ends
  const finished = new Promise((/** @type {Run['resolve']} */ resolve, reject) => (ends = { resolve, reject }))
  return { finished, resolve: (arrivals) => ends?.resolve(arrivals), reject: (error) => ends?.reject(error) }
}
