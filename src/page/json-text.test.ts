import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { jsonText } from './json-text.ts'

class Money {
  readonly amount = 1
}
const cycle: { self?: unknown } = {}
cycle.self = cycle
const deep = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)

describe('data of a message', () => {
  it.each([
    [null],
    [true],
    [-1.5e300],
    ['é😀\u2028'],
    [[]],
    [[1, [null, 'a']]],
    [{ a: { 'b c': [{}] }, constructor: 1 }],
    [Object.assign(Object.create(null) as object, { a: 1 })],
    [runInNewContext('({ a: [1] })')],
    [deep(60)],
  ])('[TB18] passes when it is exactly JSON (%#)', (data: unknown) => {
    expect(JSON.parse(jsonText(data))).toEqual(data)
  })

  it.each<[string, unknown]>([
    ['data is undefined.', undefined],
    ['data.a[1].b is undefined.', { a: [0, { b: undefined }] }],
    ['data[0] is undefined.', [undefined]],
    ['data is an array with holes or named properties.', [1, , 3]], // oxlint-disable-line no-sparse-arrays
    ['data is an array with holes or named properties.', Object.assign([1], { total: 1 })],
    ['data.at has a toJSON method', { at: new Date(0) }],
    ['data has a toJSON method', new URL('https://a')],
    ['data has a toJSON method', { toJSON: () => 1 }],
    ['data is a Map object', new Map()],
    ['data[0] is a Set object', [new Set()]],
    ['data is a Money object', new Money()],
    ['data is a Uint8Array object', new Uint8Array(2)],
    ['data is a String object', new String('a')],
    ['data is a RegExp object', /a/],
    ['data is a Error object', new Error('a')],
    ['data.f is a function.', { f: () => 1 }],
    ['data is a symbol.', Symbol('a')],
    ['data has a symbol key.', { [Symbol('a')]: 1 }],
    ['data.n is a bigint.', { n: 1n }],
    ['data.n is NaN.', { n: NaN }],
    ['data is Infinity.', Infinity],
    ['data.self.self', cycle],
    ['is nested deeper than 60 levels', deep(61)],
    ['data.s holds half a surrogate pair.', { s: 'a\ud800' }],
    ['a key of data holds half a surrogate pair.', { '\udc00': 1 }],
    ['data has a key __proto__.', JSON.parse('{"__proto__":1}')],
  ])('[TB18] is refused with the place: %s', (sentence, data) => {
    expect(() => jsonText(data)).toThrow(expect.objectContaining({ code: 'invalid-data', message: expect.stringContaining(sentence) }))
  })
})
