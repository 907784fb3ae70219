// The live server behind a network that can be broken.
import { createFaultProxy } from 'holdfast/testing'
import { startLive } from './live.mjs'

const DOWN_MS = 1_500

/** @typedef {import('../app/faults.ts').NetworkFault} NetworkFault */

/**
 * Starts the live server and two proxies in a row before it: one is late, the other one narrow.
 *
 * @param {readonly string[]} allowedOrigins
 */
export async function startFaultyLive(allowedOrigins) {
  let live = await startLive(allowedOrigins)
  const line = await createFaultProxy({ target: { host: '127.0.0.1', port: live.port } })
  const front = await createFaultProxy({ target: { host: '127.0.0.1', port: line.port } })
  /** @type {NetworkFault} */
  let network = 'heal'
  /** @type {Promise<unknown>} */
  let restarting = Promise.resolve()
  let isClosed = false

  /** @type {Readonly<Record<NetworkFault, () => Promise<void>>>} */
  const faults = {
    heal: () => setBoth({ kind: 'pass' }, { kind: 'pass' }),
    async cut() {
      await front.set({ kind: 'refuse' })
      front.cutAll()
    },
    blackhole: () => setBoth({ kind: 'blackhole', direction: 'both' }, { kind: 'pass' }),
    slow: () => setBoth({ kind: 'delay', ms: 400 }, { kind: 'throttle', bytesPerSecond: 4_096 }),
  }

  /**
   * @param {import('holdfast/testing').Fault} first
   * @param {import('holdfast/testing').Fault} second
   */
  async function setBoth(first, second) {
    await line.set(second)
    await front.set(first)
  }

  /** @param {'restart' | 'goodbye'} how A crash takes the memory and every socket with it; a goodbye leaves what an app keeps in a database. */
  async function restart(how) {
    const old = live
    if (how === 'restart') line.cutAll()
    await old.close({ drainMs: how === 'restart' ? 0 : 2_000 })
    line.cutAll()
    if (isClosed) return
    if (how === 'restart') await new Promise((resolve) => setTimeout(resolve, DOWN_MS))
    live = await startLive(allowedOrigins, how === 'restart' ? [] : old.conversation())
    line.target = { host: '127.0.0.1', port: live.port }
  }

  return {
    port: front.port,
    network: () => network,
    /** @param {NetworkFault} fault */
    async setNetwork(fault) {
      await faults[fault]()
      network = fault
    },
    /** @param {'restart' | 'goodbye'} how */
    restart(how) {
      const done = restarting.then(() => restart(how))
      // One at a time; who asked hears of a failure.
      restarting = done.catch(() => {})
      return done
    },
    async close() {
      isClosed = true
      await restarting
      await front.close()
      await line.close()
      await live.close({ drainMs: 0 })
    },
  }
}
