import type { Fault, FaultProxy, SeededRandom } from 'holdfast/testing'

const LASTING: readonly ((random: SeededRandom) => Fault)[] = [
  () => ({ kind: 'reset' }),
  (random) => ({ kind: 'cut', direction: random.integer(0, 1) === 0 ? 'toServer' : 'toClient', afterBytes: random.integer(1, 2_000) }),
  () => ({ kind: 'blackhole', direction: 'both' }),
  () => ({ kind: 'blackhole', direction: 'toServer' }),
  () => ({ kind: 'blackhole', direction: 'toClient' }),
  (random) => ({ kind: 'delay', ms: random.integer(50, 3_000), jitterMs: random.integer(0, 1_000) }),
  (random) => ({ kind: 'throttle', bytesPerSecond: random.integer(500, 5_000) }),
  () => ({ kind: 'slice', bytes: 1 }),
  (random) => ({ kind: 'half-close', direction: random.integer(0, 1) === 0 ? 'toServer' : 'toClient' }),
]

/** Does one thing each to a random part of the open connections; what it does lasts until {@link heal}. Gives how many it met. */
export function strike(proxy: FaultProxy, random: SeededRandom): number {
  const percent = random.integer(2, 25)
  const met = proxy.connections.filter(({ open }) => open && random.integer(1, 100) <= percent)
  for (const connection of met) connection.set(LASTING[random.integer(0, LASTING.length - 1)]?.(random) ?? { kind: 'pass' })
  return met.length
}

/** Every connection passes everything on again. */
export async function heal(proxy: FaultProxy): Promise<void> {
  await proxy.set({ kind: 'pass' })
}
