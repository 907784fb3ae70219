import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createFaultProxy, createSeededRandom } from 'holdfast/testing'
import { startChild, type Child } from './child.ts'
import { heal, strike } from './faults.ts'
import type { Sample } from './sample.ts'
import { findGrowth, formatSamples, type HealedSample } from './verdict.ts'

const STRIKE_MS = 5_000
/** Faults and traffic for so long, then a pause and a sample; at least eight times in a run. */
const LONGEST_ROUND_MS = 45_000
/** Rounds before the baseline: caches fill, code is compiled. */
const WARM_UP_ROUNDS = 3
const IDLE_DEADLINE_MS = 90_000
/** After everybody is well, until closing sockets and their timers are gone. */
const SETTLE_MS = 8_000
const CLIENT_PROCESSES = 2

/** Runs the programs that were built into `folder`. Gives the exit code. */
export async function run(args: string[], folder: string): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '20' },
      clients: { type: 'string', default: '500' },
      seed: { type: 'string', default: '1' },
    },
  })
  const [minutes, clients, seed] = [Number(values.minutes), Number(values.clients), Number(values.seed)]
  if (!(minutes > 0) || !Number.isInteger(clients) || clients < CLIENT_PROCESSES || !Number.isSafeInteger(seed))
    throw new Error('--minutes takes a number, --clients and --seed a whole one.')

  const random = createSeededRandom(seed)
  const server = await startChild(`${folder}/server.mjs`, [])
  const proxy = await createFaultProxy({ target: { host: '127.0.0.1', port: server.ready['port'] ?? 0 }, seed })
  const share = Math.ceil(clients / CLIENT_PROCESSES)
  const hosts: Child[] = []
  for (let first = 0; first < clients; first += share)
    hosts.push(await startChild(`${folder}/clients.mjs`, [proxy.url('/live'), String(first), String(Math.min(share, clients - first))]))
  const askAll = async (question: Parameters<Child['ask']>[0]): Promise<Sample> => {
    const sums: Record<string, number> = {}
    for (const answer of await Promise.all(hosts.map((host) => host.ask(question))))
      for (const [name, value] of Object.entries(answer)) sums[name] = (sums[name] ?? 0) + value
    return sums
  }
  const becomeIdle = async (): Promise<number> => {
    const untilMs = performance.now() + IDLE_DEADLINE_MS
    for (;;) {
      const { idle = 0 } = await askAll('idle')
      if (idle === clients || performance.now() > untilMs) return idle
      await sleep(200)
    }
  }

  const startMs = performance.now()
  const minute = (): number => (performance.now() - startMs) / 60_000
  const roundMs = Math.min(LONGEST_ROUND_MS, Math.max(2 * STRIKE_MS, (minutes * 60_000) / 8 - SETTLE_MS))
  const samples: HealedSample[] = []
  const stuck: string[] = []
  let strikes = 0
  let met = 0
  try {
    await becomeIdle()
    for (let round = 1; round <= WARM_UP_ROUNDS + 2 || minute() < minutes; round++) {
      await askAll('busy')
      for (const untilMs = performance.now() + roundMs; performance.now() < untilMs; strikes++) {
        met += strike(proxy, random)
        await sleep(STRIKE_MS)
      }
      await heal(proxy)
      await askAll('quiet')
      const idle = await becomeIdle()
      if (idle < clients)
        stuck.push(`minute ${minute().toFixed(1)}: ${clients - idle} clients were not well again after ${IDLE_DEADLINE_MS} ms`)
      await sleep(SETTLE_MS)
      const sample: HealedSample = { minute: minute(), server: await server.ask('sample'), clients: await askAll('sample') }
      console.log(`minute ${sample.minute.toFixed(1)}: ${strikes} strikes met ${met} connections of ${proxy.connections.length} so far`)
      if (round > WARM_UP_ROUNDS) samples.push(sample)
    }
  } finally {
    for (const host of hosts) await host.stop()
    await proxy.close()
    await server.stop()
  }
  const found = [...stuck, ...findGrowth(samples, clients)]
  console.log(`\nsoak, seed ${seed}, ${minutes} minutes, ${clients} clients\n${formatSamples(samples)}`)
  console.log(found.length === 0 ? 'nothing grew and everything came back' : found.join('\n'))
  return found.length === 0 ? 0 : 1
}
