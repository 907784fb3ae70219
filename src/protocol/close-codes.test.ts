import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { afterClose, CLOSE } from './close-codes.ts'

describe('close codes', () => {
  it('the table of the document and the table of the code are the same', () => {
    const document = readFileSync(new URL('./PROTOCOL.md', import.meta.url), 'utf8')
    const written = [...document.matchAll(/^\| (\d{4}) \| (\w+) \| (\w+) \| .+ \|$/gm)].map(([, code, name, after]) => ({
      code: Number(code),
      name,
      after,
    }))
    expect(written).toEqual(Object.entries(CLOSE).map(([name, { code, after }]) => ({ code, name, after })))
  })

  it('no code stands twice, and all are codes a server may send', () => {
    const codes = Object.values(CLOSE).map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    expect(
      codes.filter((code) => !((code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 4000 && code <= 4999))),
    ).toEqual([])
  })

  it('[P34] a client refuses only after the codes that say so; any other code means retry', () => {
    const refusing = Object.values(CLOSE).filter(({ after }) => after === 'refuse')
    expect(refusing.map(({ code }) => code)).toEqual([4401, 4403, 4410, 4411, 4440])
    for (const { code, after } of Object.values(CLOSE)) expect(afterClose(code)).toBe(after)
    expect([0, 1000, 1005, 1006, 1015, 3000, 4000, 4999, Number.NaN].map(afterClose)).toEqual(Array.from({ length: 9 }, () => 'retry'))
  })
})
