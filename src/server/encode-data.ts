import { Buffer } from 'node:buffer'
import { errorFacts } from './error-facts.ts'
import { MAX_DEPTH } from '../protocol/limits.ts'
import { HoldfastError } from '../protocol/index.ts'

/** What the envelopes of all frames may add to the nesting of the data they carry. */
const ENVELOPE_DEPTH = 8

/** The JSON text of what the app hands over, or why there is none. */
export type Encoded = { readonly text: string } | { readonly why: 'invalid' | 'too-large' }

/** The same as {@link encodeData}, for what cannot be refused any more. Never throws. */
export function tryEncode(data: unknown, maxBytes: number): Encoded {
  try {
    return { text: encodeData(data, maxBytes) }
  } catch (error) {
    return { why: errorFacts(error).code === 'message-too-large' ? 'too-large' : 'invalid' }
  }
}

/**
 * The JSON text of what the app hands over. Throws `invalid-data` when JSON cannot carry it or a client would refuse
 * its nesting, and `message-too-large` when it is over `maxBytes` of UTF-8.
 */
export function encodeData(data: unknown, maxBytes: number): string {
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (cause) {
    throw new HoldfastError(
      'invalid-data',
      'JSON cannot carry this value: it holds a cycle, a BigInt or a toJSON that throws, or is too deep.',
      { cause },
    )
  }
  if (text === undefined) throw new HoldfastError('invalid-data', 'JSON cannot carry this value: it is undefined, a function or a symbol.')
  if (byteLength(text) > maxBytes) throw new HoldfastError('message-too-large', `The value is larger than ${maxBytes} bytes of JSON.`)
  if (depth(text) > MAX_DEPTH - ENVELOPE_DEPTH) {
    throw new HoldfastError('invalid-data', `The value is nested deeper than ${MAX_DEPTH - ENVELOPE_DEPTH} levels.`)
  }
  return text
}

/** UTF-8 bytes of a text. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

function depth(text: string): number {
  let open = 0
  let deepest = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (inString) {
      if (unit === 0x5c) at++
      else if (unit === 0x22) inString = false
    } else if (unit === 0x22) inString = true
    else if (unit === 0x5b || unit === 0x7b) deepest = Math.max(deepest, ++open)
    else if (unit === 0x5d || unit === 0x7d) open--
  }
  return deepest
}
