import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeClientMessage } from './client-codec.ts'
import { decodeServerMessage } from './server-codec.ts'

const decoders = [decodeClientMessage, decodeServerMessage]
const prototypeKeys = Reflect.ownKeys(Object.prototype)

/** Field names and types of the protocol, so that the fuzzer gets past the first check. */
const words = fc.constantFrom(
  ...'hello subscribe send skip volatile recall messages missed_messages ack subscribed reset recalled session_init send_only'.split(' '),
)
const envelope =
  'type entries ledger reason skip messages subscriptions numbers batches outcomes fates sub n id hi stable head cursor client session limits'
const inherited = '__proto__ constructor prototype hasOwnProperty toString length'
const fields = fc.constantFrom(...envelope.split(' '), ...inherited.split(' '))
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.oneof(fc.integer(), fc.double(), fc.constant(null), fc.boolean(), words, fc.string(), fc.constant('AAAAAAAAAAAAAAAAAAAAA_')),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fields, tie('value'), { maxKeys: 6 }),
  ),
}))
const message = fc.tuple(words, fc.dictionary(fields, value)).map(([type, rest]) => JSON.stringify({ ...rest, type }))

describe('decoders', () => {
  afterEach(() => {
    expect(Reflect.ownKeys(Object.prototype)).toEqual(prototypeKeys)
  })

  const total = (text: string): void => {
    for (const decode of decoders) {
      const decoded = decode(text)
      expect(decoded.ok ? typeof decoded.message.type : typeof decoded.error).toBe('string')
    }
  }

  it('(SEC13) [P1] any text gives a message or an error', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), total), { numRuns: 2_000 })
  })

  it('[P1] any JSON gives a message or an error', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 8 }), total), { numRuns: 2_000 })
  })

  it('[P1] anything that looks like a message gives a message or an error', () => {
    fc.assert(fc.property(message, total), { numRuns: 5_000 })
  })

  it('[P1] what was decoded decodes again to the same', () => {
    const stable = (text: string): void => {
      for (const decode of decoders) {
        const decoded = decode(text)
        if (decoded.ok) expect(decode(JSON.stringify(decoded.message))).toEqual(decoded)
      }
    }
    fc.assert(fc.property(message, stable), { numRuns: 5_000 })
  })
})
