import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { jsonText } from './json-text.ts'

class Money {
  readonly amount = 1
}
const cycle: { self?: unknown } = {}
cycle.self = cycle
function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(2)
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}
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
    ['data is not exactly JSON (undefined).', undefined],
    ['data.a.1.b is not exactly JSON (undefined).', { a: [0, { b: undefined }] }],
    ['data.0 is not exactly JSON (undefined).', [undefined]],
    ['data is not exactly JSON (Array).', [1, , 3]], // oxlint-disable-line no-sparse-arrays
    ['data is not exactly JSON (Array).', Object.assign([1], { total: 1 })],
    ['data.1 is not exactly JSON (undefined).', Object.assign([1, , 3], { total: 1 })], // oxlint-disable-line no-sparse-arrays
    ['data.at is not exactly JSON (Date).', { at: new Date(0) }],
    ['data is not exactly JSON (URL).', new URL('https://a')],
    ['data.toJSON is not exactly JSON (Function).', { toJSON: () => 1 }],
    ['data is not exactly JSON (Map).', new Map()],
    ['data.0 is not exactly JSON (Set).', [new Set()]],
    ['data is not exactly JSON (Money).', new Money()],
    ['data is not exactly JSON (Uint8Array).', new Uint8Array(2)],
    ['data is not exactly JSON (ArrayBuffer).', new ArrayBuffer(2)],
    ['data is not exactly JSON (ArrayBuffer).', detached()],
    ['data is not exactly JSON (SharedArrayBuffer).', new SharedArrayBuffer(2)],
    ['data is not exactly JSON (Blob).', new Blob(['x'])],
    ['data is not exactly JSON (Promise).', Promise.resolve(1)],
    ['data is not exactly JSON (String).', new String('a')],
    ['data is not exactly JSON (RegExp).', /a/],
    ['data is not exactly JSON (Error).', new Error('a')],
    ['data.f is not exactly JSON (Function).', { f: () => 1 }],
    ['data is not exactly JSON (Symbol).', Symbol('a')],
    ['data is not exactly JSON (Object).', { [Symbol('a')]: 1 }],
    ['data is not exactly JSON (Object).', Object.defineProperty({}, 'hidden', { value: 1 })],
    ['data.n is not exactly JSON (BigInt).', { n: 1n }],
    ['data.n is not exactly JSON (Number).', { n: NaN }],
    ['data is not exactly JSON (Number).', Infinity],
    ['data.self.self', cycle],
    ['is not exactly JSON (too many levels).', deep(61)],
    ['data.s is not exactly JSON (String).', { s: 'a\ud800' }],
    ['a key of data is not exactly JSON (String).', { '\udc00': 1 }],
    ['data.__proto__ is not exactly JSON', JSON.parse('{"__proto__":1}')],
  ])('(M11) (M12) [TB18] is refused with the place: %s', (sentence, data) => {
    expect(() => jsonText(data)).toThrow(expect.objectContaining({ code: 'invalid-data', message: expect.stringContaining(sentence) }))
  })
})
