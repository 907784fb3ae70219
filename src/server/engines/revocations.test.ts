import { describe, expect, it } from 'vitest'
import { Revocations } from './revocations.ts'
import { memoryEngine } from './memory.ts'
import { fakeServer, freshId } from '../testing/fake-peer.ts'

describe('Revocations', () => {
  it('[P42] the latest revocation of a client counts, and nobody else notices', () => {
    const revocations = new Revocations(10)
    revocations.add({ client: 'a' }, 5)
    revocations.add({ client: 'a' }, 9)
    expect([revocations.at('a', null), revocations.at('b', null), revocations.count]).toEqual([2, 0, 2])
  })

  it('[P42] [RT3] that of a user counts for every client of that user, and for nobody who is named like a client', () => {
    const revocations = new Revocations(10)
    revocations.add({ user: 'ada' }, 5)
    revocations.add({ client: 'a' }, 6)
    expect([revocations.at('a', 'ada'), revocations.at('b', 'ada'), revocations.at('b', 'bob'), revocations.at('ada', null)]).toEqual([
      2, 1, 0, 0,
    ])
    revocations.add({ user: 'a' }, 7)
    expect([revocations.at('a', null), revocations.at('a', 'a'), revocations.at('x', 'a')]).toEqual([2, 3, 3])
  })

  it('[P42] [I30] keeps so many, and giving one up revokes every token of its time rather than none', () => {
    const revocations = new Revocations(2)
    revocations.add({ client: 'a' }, 5)
    revocations.add({ client: 'b' }, 6)
    revocations.add({ client: 'a' }, 7)
    revocations.add({ client: 'c' }, 8)
    expect(['a', 'b', 'c', 'd'].map((client) => revocations.at(client, null))).toEqual([3, 2, 4, 2])
  })

  it('[P42] [I35] forgets what is old, and revokes with it every token of its time rather than none', () => {
    const revocations = new Revocations(10)
    revocations.add({ client: 'a' }, 5)
    revocations.add({ client: 'b' }, 6)
    revocations.sweep(5)
    expect(['a', 'b', 'c'].map((client) => revocations.at(client, null))).toEqual([1, 2, 1])
    revocations.sweep(100)
    expect(['a', 'b', 'c'].map((client) => revocations.at(client, null))).toEqual([2, 2, 2])
    expect(revocations.count).toBe(2)
  })

  it('[P42] [I24] the memory engine remembers a revocation by its client for as long as a token made before it may live', async () => {
    const engine = memoryEngine()
    const { clock } = fakeServer({ engine, sessions: { clientTtlMs: 60_000, sweepMs: 1_000 } })
    const [client, other] = [freshId(), freshId()]
    await engine.end({ type: 'revoke', client })
    await clock.pass(59_000)
    expect([engine.revokedAt(client, null), engine.revokedAt(other, null)]).toEqual([1, 0])
    await clock.pass(2_000)
    expect([engine.revokedAt(client, null), engine.revokedAt(other, null)]).toEqual([1, 1])
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
