import { isTooDeep } from '../protocol/decode.ts'
import { PROTOCOL_VERSION } from '../protocol/index.ts'
import { MAX_DEPTH } from '../protocol/limits.ts'

/** What the close says of the versions of this server. */
export const SPOKEN: string = `speaks ${PROTOCOL_VERSION}`

/**
 * Whether what could not be read is the `hello` of another protocol version: its other fields may well have another
 * shape.
 */
export function announcesOtherVersion(text: string): boolean {
  // What was refused for its nesting is not parsed after all.
  if (isTooDeep(text, MAX_DEPTH)) return false
  try {
    const frame: unknown = JSON.parse(text)
    if (typeof frame !== 'object' || frame === null || !('type' in frame) || !('protocol' in frame)) return false
    return frame.type === 'hello' && Number.isInteger(frame.protocol) && frame.protocol !== PROTOCOL_VERSION
  } catch {
    return false
  }
}
