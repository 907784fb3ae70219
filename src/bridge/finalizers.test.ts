import { afterEach, expect, it, vi } from 'vitest'
import type { Clock } from '../core/ports.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

const clock: Clock = { nowMs: () => 0, setTimer: () => () => {} }

it('[TB22] keeps one proxy for each function of the other side, and none once the port is closed', async () => {
  const registered = new Set<unknown>()
  let most = 0
  class Registry {
    register(proxy: unknown): void {
      registered.add(proxy)
      most = Math.max(most, registered.size)
    }
    unregister(proxy: unknown): void {
      registered.delete(proxy)
    }
  }
  vi.stubGlobal('FinalizationRegistry', Registry)
  vi.resetModules()
  const { openPeer } = await import('./peer.ts')
  const { port1, port2 } = new MessageChannel()
  const other = openPeer(port1, { one: async () => 1, two: async () => 2 }, clock)
  const peer = openPeer(port2, {}, clock)
  for (let round = 0; round < 20; round++) {
    expect(await peer.call(1_000, 'one')).toEqual({ ok: true, value: 1 })
    expect(await peer.call(1_000, 'two')).toEqual({ ok: true, value: 2 })
  }
  // One for each end, and one for each function that was called.
  expect(most).toBe(4)
  const left = peer.call(1_000, 'one')
  peer.close({ code: 'closed', message: 'over' })
  other.close({ code: 'closed', message: 'over' })
  expect(await left).toMatchObject({ ok: false })
  expect(registered.size).toBe(0)
})
