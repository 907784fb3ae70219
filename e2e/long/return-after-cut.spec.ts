import type { BrowserContext, Page } from '@playwright/test'
import type { FaultRule } from 'holdfast/testing'
import { openLab, type Lab } from '../harness/lab.ts'
import { eventsOf, expect, hasStatus, openProbe, test } from '../harness/test.ts'

/** Hubs that are cut at a time, each with a server and a proxy of its own. */
const LANES = 4
const CUTS = 200
const CUT_MS = 600
/** One that a busy machine made longer than this is no such cut, and is made again. */
const LONGEST_CUT_MS = 700
/** A link that has held for so long begins the delays and the tries anew. */
const HELD_MS = 5_200
const LIMIT_MS = 5_000

/** What new sockets meet while the path is cut, and what it is like afterwards: a socket in a hole stays there for ever. */
const KINDS: Readonly<Record<string, readonly [during: FaultRule, after: FaultRule]>> = {
  refused: [{ kind: 'refuse' }, { kind: 'pass' }],
  reset: [{ kind: 'reset' }, { kind: 'pass' }],
  hole: [
    { kind: 'blackhole', direction: 'both', on: 'new' },
    { kind: 'pass', on: 'new' },
  ],
}

const passes = async (ms: number): Promise<void> => {
  const fromMs = Date.now()
  await expect.poll(() => Date.now() - fromMs, { timeout: ms + 10_000, intervals: [20] }).toBeGreaterThanOrEqual(ms)
}

/** Cuts one connection and gives how long it took from the cut until the page was told that it is connected again; `null` when the cut was too long. */
async function cut(page: Page, lab: Lab, [during, after]: readonly [FaultRule, FaultRule]): Promise<number | null> {
  const known = (await eventsOf(page, 'state')).length
  await lab.proxy.set(during)
  const cutAtMs = Date.now()
  lab.proxy.cutAll()
  await passes(CUT_MS)
  await lab.proxy.set(after)
  const cutMs = Date.now() - cutAtMs
  const returnedAtMs = async (): Promise<number | undefined> =>
    (await eventsOf(page, 'state')).slice(known).find(({ state, atMs }) => atMs > cutAtMs && state.status === 'connected')?.atMs
  await expect.poll(returnedAtMs, { timeout: 60_000, intervals: [50] }).toBeDefined()
  return cutMs > LONGEST_CUT_MS ? null : ((await returnedAtMs()) ?? Infinity) - cutAtMs
}

async function runLane(context: BrowserContext, kinds: readonly string[], told: (kind: string, tookMs: number) => void): Promise<void> {
  const lab = await openLab()
  // The defaults, and nothing else.
  const page = await openProbe(await context.newPage(), lab, { connect: { reconnect: {} } })
  await hasStatus(page, 'connected')
  for (const kind of kinds) {
    const faults = KINDS[kind]
    if (!faults) throw new Error(`no such cut: ${kind}`)
    let tookMs: number | null = null
    while (tookMs === null) {
      await passes(HELD_MS)
      tookMs = await cut(page, lab, faults)
    }
    told(kind, tookMs)
  }
  await lab.close()
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN

function row(name: string, tookMs: readonly number[]): string {
  const sorted = tookMs.toSorted((a, b) => a - b)
  return `${name.padEnd(8)} ${String(sorted.length).padStart(4)} cuts   median ${at(sorted, 0.5)} ms   p95 ${at(sorted, 0.95)} ms   slowest ${at(sorted, 1)} ms`
}

test(`[CN19] [I32] the slowest of ${CUTS} returns after a cut of ${CUT_MS / 1_000} s comes within ${LIMIT_MS / 1_000} s, with the defaults`, async ({
  context,
}) => {
  const names = Object.keys(KINDS)
  const all = Array.from({ length: CUTS }, (_, index) => names[index % names.length] ?? '')
  const tookMs = new Map<string, number[]>(names.map((name) => [name, []]))
  const lanes = Array.from({ length: LANES }, (_, lane) => all.filter((_kind, index) => index % LANES === lane))
  await Promise.all(lanes.map((kinds) => runLane(context, kinds, (kind, ms) => tookMs.get(kind)?.push(ms))))
  const every = [...tookMs.values()].flat()
  for (const [name, list] of tookMs) console.log(row(name, list))
  console.log(row('all', every))
  expect(every).toHaveLength(CUTS)
  expect(Math.max(...every)).toBeLessThanOrEqual(LIMIT_MS)
})
