import { describe, expect, it } from 'vitest'
import { nodeRandom } from './node-platform.ts'

describe('chance', () => {
  it.each<['id' | 'token', number]>([
    ['id', 16],
    ['token', 32],
  ])('(SEC4) (SEC5) gives an %s of %i random bytes, every one of them another each time', (what, bytes) => {
    const drawn = Array.from({ length: 64 }, () => Buffer.from(nodeRandom[what](), 'base64url'))
    expect(drawn.filter(({ length }) => length !== bytes)).toEqual([])
    for (let at = 0; at < bytes; at++) expect(new Set(drawn.map((one) => one[at])).size).toBeGreaterThan(8)
  })
})
