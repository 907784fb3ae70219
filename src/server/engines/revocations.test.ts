import { describe, expect, it } from 'vitest'
import { Revocations } from './revocations.ts'
import { memoryEngine } from './memory.ts'
import { fakeServer, freshId } from '../testing/fake-peer.ts'

describe('Revocations', () => {
  it('[P42] the latest revocation of a client counts, and nobody else notices', () => {
    const revocations = new Revocations(10)
    revocations.add('a', 5)
    revocations.add('a', 9)
    expect([revocations.at('a'), revocations.at('b'), revocations.count]).toEqual([2, 0, 2])
  })

  it('[P42] [I30] keeps so many, and giving one up revokes every token of its time rather than none', () => {
    const revocations = new Revocations(2)
    revocations.add('a', 5)
    revocations.add('b', 6)
    revocations.add('a', 7)
    revocations.add('c', 8)
    expect(['a', 'b', 'c', 'd'].map((client) => revocations.at(client))).toEqual([3, 2, 4, 2])
  })

  it('[P42] [I35] forgets what is old, and revokes with it every token of its time rather than none', () => {
    const revocations = new Revocations(10)
    revocations.add('a', 5)
    revocations.add('b', 6)
    revocations.sweep(5)
    expect(['a', 'b', 'c'].map((client) => revocations.at(client))).toEqual([1, 2, 1])
    revocations.sweep(100)
    expect(['a', 'b', 'c'].map((client) => revocations.at(client))).toEqual([2, 2, 2])
    expect(revocations.count).toBe(2)
  })

  it('[P42] [I24] the memory engine remembers a revocation by its client for as long as a token made before it may live', async () => {
    const engine = memoryEngine()
    const { clock } = fakeServer({ engine, sessions: { clientTtlMs: 60_000, sweepMs: 1_000 } })
    const [client, other] = [freshId(), freshId()]
    await engine.revoke(client)
    await clock.pass(59_000)
    expect([engine.revokedAt(client), engine.revokedAt(other)]).toEqual([1, 0])
    await clock.pass(2_000)
    expect([engine.revokedAt(client), engine.revokedAt(other)]).toEqual([1, 1])
  })

  it('[P37] the secret is another in every instance, and 256 bits long', () => {
    const secrets = [1, 2].map(() => {
      const engine = memoryEngine()
      fakeServer({ engine })
      return engine.secret
    })
    expect(new Set(secrets).size).toBe(2)
    for (const secret of secrets) expect(secret).toMatch(/^[\w-]{43}$/)
  })
})
