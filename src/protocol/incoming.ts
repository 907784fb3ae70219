import { formOf, REPORT_UNITS, utf8Length } from './frames.ts'

/** Bounds of what a receiver keeps of messages that have not come whole. */
export interface IncomingLimits {
  /** Most bytes of one message. */
  readonly messageBytes: number
  /** Most bytes of all of them. */
  readonly bytes: number
  /** Most lanes on which one has begun. */
  readonly lanes: number
  /** Least units of a part that is not the last. */
  readonly partUnits: number
}

/** For a client: as much as a server may be set to. One that lets more begin is not heard any more. */
export const CLIENT_INCOMING: IncomingLimits = { messageBytes: 2 ** 28, bytes: 2 ** 29, lanes: 2 ** 15, partUnits: 1 }

/** For who only listens in: no bounds. */
export const EVERYTHING: IncomingLimits = { messageBytes: Infinity, bytes: Infinity, lanes: Infinity, partUnits: 1 }

/** What a frame brought. */
export type Incoming =
  /** A whole message, in one frame or as the last part of it. */
  | { readonly type: 'message'; readonly text: string }
  /** A part: there is more to come. */
  | { readonly type: 'part' }
  /** What had come of a message is forgotten. */
  | { readonly type: 'dropped' }
  /** What the other side says of the frames it got. */
  | { readonly type: 'report'; readonly frames: number }
  /** No frame of this protocol, or more than the limits allow. */
  | { readonly type: 'bad'; readonly isTooLarge: boolean }

interface Begun {
  readonly pieces: string[]
  bytes: number
}

const PART: Incoming = { type: 'part' }
const DROPPED: Incoming = { type: 'dropped' }
const BAD: Incoming = { type: 'bad', isTooLarge: false }
const TOO_LARGE: Incoming = { type: 'bad', isTooLarge: true }

/** The receiving end of a socket: puts parts together and says when a report is due. */
export class IncomingFrames {
  limits: IncomingLimits
  /** Frames that came, and their UTF-16 units. */
  count = 0
  units = 0
  /** Bytes of messages that have begun and not come whole. */
  held = 0
  readonly #begun = new Map<number, Begun>()
  #unreported = 0

  constructor(limits: IncomingLimits) {
    this.limits = limits
  }

  /** Counts a frame. Whether a report is due. */
  arrived(text: string): boolean {
    this.count++
    this.units += text.length
    this.#unreported += text.length
    if (this.#unreported < REPORT_UNITS) return false
    this.#unreported = 0
    return true
  }

  /** What the frame is. Nothing of a bad one is kept, and the socket is to be closed. */
  take(frame: string): Incoming {
    const form = formOf(frame)
    switch (form.form) {
      case 'message':
        return { type: 'message', text: form.text }
      case 'report':
        return { type: 'report', frames: form.frames }
      case 'part':
        return this.#part(form.lane, form.text, form.isLast)
      case 'dropped': {
        const begun = this.#begun.get(form.lane)
        if (!begun) return BAD
        this.#forget(form.lane, begun)
        return DROPPED
      }
      case 'bad':
        return BAD
    }
  }

  #part(lane: number, piece: string, isLast: boolean): Incoming {
    const { messageBytes, bytes, lanes, partUnits } = this.limits
    const begun = this.#begun.get(lane) ?? { pieces: [], bytes: 0 }
    if (!isLast && piece.length < partUnits) return BAD
    if (begun.bytes === 0 && this.#begun.size >= lanes) return BAD
    const size = utf8Length(piece)
    if (begun.bytes + size > messageBytes || this.held + size > bytes) return TOO_LARGE
    begun.pieces.push(piece)
    begun.bytes += size
    this.held += size
    if (!isLast) {
      this.#begun.set(lane, begun)
      return PART
    }
    this.#forget(lane, begun)
    return { type: 'message', text: begun.pieces.join('') }
  }

  #forget(lane: number, begun: Begun): void {
    this.held -= begun.bytes
    this.#begun.delete(lane)
  }
}
