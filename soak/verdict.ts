import type { Sample } from './sample.ts'
import { slopeOf } from './slope.ts'

/** What every process held, some time after the faults had been healed. */
export interface HealedSample {
  readonly minute: number
  readonly server: Sample
  readonly clients: Sample
}

/** A heap grows when it surely grows by more than this share of itself per minute. */
const GROWTH_PER_MINUTE = 0.002
/** Timers that come and go with what is on its way at the moment of a sample. */
const PASSING_TIMERS_SHARE = 0.05

/** What must be as it was, in every healed sample: gauges of the server, and of the clients. */
const SERVER_GAUGES = ['tcpSockets', 'sockets', 'listeners', 'sessions', 'clients', 'channels', 'channelsRead', 'lanes', 'queued']
const CLIENT_GAUGES = ['tcpSockets', 'idle', 'gaps', 'resets', 'restarts', 'errors']
const NEVER = ['gaps', 'restarts', 'errors']

/** One sentence for everything that did not come back to where it was, or grew. The first of `samples` is the baseline. */
export function findGrowth(samples: readonly HealedSample[], clients: number): readonly string[] {
  const [baseline] = samples
  if (!baseline) return ['there is no sample']
  const found: string[] = []
  for (const { minute, server, clients: theirs } of samples) {
    const say = (text: string): void => void found.push(`minute ${minute.toFixed(1)}: ${text}`)
    for (const name of SERVER_GAUGES)
      if (server[name] !== baseline.server[name]) say(`server ${name} ${server[name]}, ${baseline.server[name]} at first`)
    for (const name of ['tcpSockets', 'idle'])
      if (theirs[name] !== baseline.clients[name]) say(`clients ${name} ${theirs[name]}, ${baseline.clients[name]} at first`)
    if ((server['logMessages'] ?? 0) > (server['mostLogMessages'] ?? 0)) say(`server logMessages ${server['logMessages']}`)
    for (const name of NEVER) if (theirs[name] !== 0) say(`clients ${name} ${theirs[name]}`)
    if (theirs['applied'] !== theirs['sent']) say(`${theirs['sent']} sent, ${theirs['applied']} applied`)
    if (server['sessions'] !== clients) say(`${server['sessions']} sessions of ${clients} clients`)
    const passing = 5 + clients * PASSING_TIMERS_SHARE
    for (const [who, now, then] of [
      ['server', server, baseline.server],
      ['clients', theirs, baseline.clients],
    ] as const) {
      if (Math.abs((now['timers'] ?? 0) - (then['timers'] ?? 0)) > passing)
        say(`${who} timers ${now['timers']}, ${then['timers']} at first`)
    }
  }
  for (const who of ['server', 'clients'] as const) {
    const { lowerBound } = heapSlope(samples, who)
    const limit = (baseline[who]['heapBytes'] ?? 0) * GROWTH_PER_MINUTE
    if (lowerBound > limit) found.push(`the heap of the ${who} grows by more than ${kib(lowerBound)} a minute (allowed: ${kib(limit)})`)
  }
  return found
}

/** How a heap changes, in bytes per minute. */
export function heapSlope(samples: readonly HealedSample[], who: 'server' | 'clients'): ReturnType<typeof slopeOf> {
  return slopeOf(
    samples.map(({ minute }) => minute),
    samples.map((sample) => sample[who]['heapBytes'] ?? 0),
  )
}

/** Bytes for people. */
export function kib(bytes: number): string {
  return `${(bytes / 1_024).toFixed(1)} KiB`
}

/** The samples as a table, and the slopes. */
export function formatSamples(samples: readonly HealedSample[]): string {
  const lines = samples.map(({ minute, server, clients }) => {
    const facts = (sample: Sample, names: readonly string[]): string =>
      [`heap ${kib(sample['heapBytes'] ?? 0)}`, ...['timers', ...names].map((name) => `${name} ${sample[name]}`)].join(', ')
    return [
      `minute ${minute.toFixed(1)}`,
      `  server   ${facts(server, [...SERVER_GAUGES, 'logMessages'])}`,
      `  clients  ${facts(clients, [...CLIENT_GAUGES, 'sent', 'applied', 'delivered'])}`,
    ].join('\n')
  })
  const slopes = (['server', 'clients'] as const).map((who) => {
    const { perUnit, lowerBound } = heapSlope(samples, who)
    return `heap of the ${who}: ${kib(perUnit)} a minute, surely more than ${kib(lowerBound)}`
  })
  return [...lines, ...slopes].join('\n')
}
