import { setTimeout as sleep } from 'node:timers/promises'
import type { Direction, Fault as ProxyFault, FaultProxy } from 'holdfast/testing'
import type { SeededRandom } from 'holdfast/testing'
import type { Fault } from './fault.ts'

const HTML = '<!doctype html><title>Welcome</title><p>Please accept our terms.'
const PORTAL = `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ${HTML.length}\r\nconnection: close\r\n\r\n${HTML}`

const someDirection = (random: SeededRandom): Direction => (random.integer(0, 1) === 0 ? 'toServer' : 'toClient')

/** The proxy behaves like this for a while; with `cut` it begins with a reset of what is open. */
async function behave(proxy: FaultProxy, fault: ProxyFault, ms: number, { cut = false } = {}): Promise<string> {
  await proxy.set(fault)
  if (cut) proxy.cutAll()
  await sleep(ms)
  await proxy.set({ kind: 'pass' })
  const { response: _, ...said } = { response: '', ...fault }
  return `${JSON.stringify(said)} for ${ms} ms`
}

/** What networks do between one browser and the server. */
export const NETWORK_FAULTS: readonly Fault<FaultProxy>[] = [
  {
    kind: 'reset',
    async run(proxy) {
      proxy.cutAll()
      return 'every connection'
    },
  },
  {
    kind: 'reset mid-frame',
    weight: 2,
    async run(proxy, random) {
      const fault: ProxyFault = { kind: 'cut', direction: someDirection(random), afterBytes: random.integer(1, 3_000) }
      return behave(proxy, fault, random.integer(500, 3_000))
    },
  },
  {
    kind: 'half-open both ways',
    run: (proxy, random) => behave(proxy, { kind: 'blackhole', direction: 'both' }, random.integer(200, 9_000)),
  },
  {
    kind: 'half-open to server',
    run: (proxy, random) => behave(proxy, { kind: 'blackhole', direction: 'toServer' }, random.integer(200, 9_000)),
  },
  {
    kind: 'half-open to client',
    run: (proxy, random) => behave(proxy, { kind: 'blackhole', direction: 'toClient' }, random.integer(200, 9_000)),
  },
  {
    kind: 'latency',
    run: (proxy, random) =>
      behave(proxy, { kind: 'delay', ms: random.integer(20, 1_500), jitterMs: random.integer(0, 2_000) }, random.integer(1_000, 6_000)),
  },
  {
    kind: 'throttle',
    run: (proxy, random) => behave(proxy, { kind: 'throttle', bytesPerSecond: random.integer(500, 20_000) }, random.integer(1_000, 6_000)),
  },
  { kind: '1-byte slices', run: (proxy, random) => behave(proxy, { kind: 'slice', bytes: 1 }, random.integer(500, 4_000)) },
  {
    kind: 'accept, then close',
    run: (proxy, random) => behave(proxy, { kind: 'reset' }, random.integer(200, 4_000)),
  },
  { kind: 'refuse', run: (proxy, random) => behave(proxy, { kind: 'refuse' }, random.integer(200, 4_000), { cut: true }) },
  {
    kind: 'captive portal',
    run: (proxy, random) => behave(proxy, { kind: 'answer', response: PORTAL }, random.integer(200, 4_000), { cut: true }),
  },
  {
    kind: 'answers lost, then reset',
    weight: 2,
    async run(proxy, random) {
      const ms = random.integer(100, 1_200)
      await proxy.set({ kind: 'blackhole', direction: 'toClient' })
      await sleep(ms)
      proxy.cutAll()
      await proxy.set({ kind: 'pass' })
      return `after ${ms} ms`
    },
  },
  {
    kind: 'quick reconnects',
    async run(proxy, random) {
      const times = random.integer(2, 5)
      for (let time = 0; time < times; time++) {
        const before = proxy.connections.length
        proxy.cutAll()
        // As soon as the next one is there, or was not wanted.
        await proxy.waitForConnections(before + 1, 3_000).catch(() => {})
        await sleep(random.integer(0, 5))
      }
      return `${times} times`
    },
  },
  {
    kind: 'half-close',
    run: (proxy, random) =>
      behave(proxy, { kind: 'half-close', direction: someDirection(random), on: 'existing' } as ProxyFault, random.integer(100, 2_000)),
  },
]
