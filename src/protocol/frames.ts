/** One frame, made once and sent to any number of sockets. */
export interface Frame {
  readonly text: string
  /** Its bytes of UTF-8; filled in by whoever counts them first. */
  bytes?: number
  /** The frame as an adapter puts it on the wire; the first socket that sends it fills it in. */
  wire?: Uint8Array
}

/** What a peer names in `features` when it knows parts and reports (PROTOCOL.md, P53 and P63). */
export const PARTS_FEATURE = 'parts'

/** What both sides know beside the messages, as they tell it in `hello` and its answer. */
export const FEATURES: readonly string[] = [PARTS_FEATURE]

/** Longest frame that a sender puts on a socket, in bytes: what is longer travels in parts. */
export const PART_BYTES = 16_384

/** The shortest part that is not the last of its message, where a gateway takes no longer ones. */
export const MIN_PART_BYTES = 1_024

/** A receiver reports when it has got so much since its last report, in UTF-16 units. */
export const REPORT_UNITS = 4_096

/** A message of so many UTF-16 units pays for itself: it is not counted by the limit of frames. */
export const UNCOUNTED_UNITS = 8_192

/** The first lane: what is about the connection and not about one value. */
export const CONTROL = 0

/** What a frame is, by its first character. */
export type FrameForm =
  | { readonly form: 'message'; readonly text: string }
  /** A piece of a message, and whether it is the last one. */
  | { readonly form: 'part'; readonly lane: number; readonly isLast: boolean; readonly text: string }
  /** The rest of the message on this lane never comes. */
  | { readonly form: 'dropped'; readonly lane: number }
  /** So many frames have come on this socket. */
  | { readonly form: 'report'; readonly frames: number }
  | { readonly form: 'bad' }

const MORE = 0x2b
const LAST = 0x2e
const DROPPED = 0x2d
const REPORT = 0x3d
/** Digits of the largest number in a header. */
const MOST_DIGITS = 15
const BAD: FrameForm = { form: 'bad' }

/** Tells apart what can come in a text frame. Total: any text has a form. */
export function formOf(text: string): FrameForm {
  switch (text.charCodeAt(0)) {
    case MORE:
    case LAST: {
      const end = text.slice(0, MOST_DIGITS + 2).indexOf(':')
      const lane = numberAt(text, end)
      if (lane === null || end + 1 === text.length) return BAD
      return { form: 'part', lane, isLast: text.charCodeAt(0) === LAST, text: text.slice(end + 1) }
    }
    case DROPPED: {
      const lane = numberAt(text, text.length)
      return lane === null ? BAD : { form: 'dropped', lane }
    }
    case REPORT: {
      const frames = numberAt(text, text.length)
      return frames === null ? BAD : { form: 'report', frames }
    }
    default:
      return { form: 'message', text }
  }
}

/** The head of a part. */
export function partHead(lane: number, isLast: boolean): string {
  return `${isLast ? '.' : '+'}${lane}:`
}

/** Says that the rest of a message never comes. */
export function droppedText(lane: number): string {
  return `-${lane}`
}

/** Says how many frames have come. */
export function reportText(frames: number): string {
  return `=${frames}`
}

/** Bytes of UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) bytes += 1
    else if (unit < 0x800) bytes += 2
    else if (isPair(text, at)) {
      bytes += 4
      at++
    } else bytes += 3
  }
  return bytes
}

/** Whether a frame has at most so many bytes. Counted only when it could have more. */
export function fits(frame: Frame, bytes: number): boolean {
  const { length } = frame.text
  if (length > bytes) return false
  return length * 3 <= bytes || (frame.bytes ??= utf8Length(frame.text)) <= bytes
}

/**
 * Where a piece that begins at `from` ends, so that it has at most `bytes` bytes of UTF-8 and no character is cut in
 * two.
 */
export function endOfPiece(text: string, from: number, bytes: number): number {
  let at = from
  for (let left = bytes; at < text.length;) {
    const unit = text.charCodeAt(at)
    const pair = unit >= 0x800 && isPair(text, at)
    left -= unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3
    if (left < 0) break
    at += pair ? 2 : 1
  }
  return at
}

function isPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00
}

/** The whole number between the first character and `end`; `null` when there is none. */
function numberAt(text: string, end: number): number | null {
  if (end < 2 || end > MOST_DIGITS + 1) return null
  let value = 0
  for (let at = 1; at < end; at++) {
    const digit = text.charCodeAt(at) - 0x30
    if (digit < 0 || digit > 9) return null
    value = value * 10 + digit
  }
  return value
}
