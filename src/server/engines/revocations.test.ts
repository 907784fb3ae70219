import { describe, expect, it } from 'vitest'
import { Revocations } from './revocations.ts'
import { memoryEngine } from './memory.ts'
import { fakeServer, freshId } from '../testing/fake-peer.ts'

describe('Revocations', () => {
  it('[P42] the latest revocation of a client counts, and nobody else notices', () => {
    const revocations = new Revocations(10)
    revocations.add('a', 5)
    revocations.add('a', 9)
    expect([revocations.atMs('a'), revocations.atMs('b')]).toEqual([9, 0])
  })

  it('[P42] [I30] keeps so many, and giving one up revokes every token of its time rather than none', () => {
    const revocations = new Revocations(2)
    revocations.add('a', 5)
    revocations.add('b', 6)
    revocations.add('a', 7)
    revocations.add('c', 8)
    expect(['a', 'b', 'c', 'd'].map((client) => revocations.atMs(client))).toEqual([7, 6, 8, 6])
  })

  it('[P42] forgets what no token can be from any more', () => {
    const revocations = new Revocations(10)
    revocations.add('a', 5)
    revocations.add('b', 6)
    revocations.sweep(5)
    expect([revocations.atMs('a'), revocations.atMs('b')]).toEqual([0, 6])
  })

  it('[P42] the memory engine remembers a revocation for as long as a token made before it lives', async () => {
    const engine = memoryEngine()
    const { clock } = fakeServer({ engine, sessions: { clientTtlMs: 60_000, sweepMs: 1_000 } })
    const client = freshId()
    await engine.revoke(client)
    const revokedAtMs = clock.wallMs()
    await clock.pass(59_000)
    expect(engine.revokedAtMs(client)).toBe(revokedAtMs)
    await clock.pass(2_000)
    expect(engine.revokedAtMs(client)).toBe(0)
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
