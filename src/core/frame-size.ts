import { fits } from '../protocol/frames.ts'

/** What the envelope of one message adds to its data, in UTF-16 units, at most. */
const ENVELOPE_UNITS = 320

/** Whether a message with this data would not fit a frame of so many bytes. */
export function exceedsFrame(json: string, frameBytes: number): boolean {
  return mayExceed(json, frameBytes - ENVELOPE_UNITS)
}

/** Whether the text has more UTF-8 bytes than `bytes`. */
export function mayExceed(text: string, bytes: number): boolean {
  return !fits({ text }, bytes)
}
