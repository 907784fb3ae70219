/** What the envelope of one message adds to its data, in UTF-16 units, at most. */
export const ENVELOPE_UNITS = 320

/** Whether a message with this data would not fit a frame of so many bytes. */
export function exceedsFrame(json: string, frameBytes: number): boolean {
  return mayExceed(json, frameBytes - ENVELOPE_UNITS)
}

/** Whether the text has more UTF-8 bytes than `bytes`. Counted only when it could. */
export function mayExceed(text: string, bytes: number): boolean {
  if (text.length * 3 <= bytes) return false
  let count = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    count += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4
  }
  return count > bytes
}
