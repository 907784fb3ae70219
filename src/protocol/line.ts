import { reportText } from './frames.ts'
import { IncomingFrames, type Incoming, type IncomingLimits } from './incoming.ts'
import { Outgoing, type OutgoingHost } from './outgoing.ts'

/**
 * What a line says of a frame: what it brought; for a report, whether it told something new, and whether it let go on
 * what waited.
 */
export type Heard = Exclude<Incoming, { type: 'report' }> | { readonly type: 'report'; readonly isNew: boolean; readonly hasMoved: boolean }

/**
 * Both ends of one socket between the socket and the codec (PROTOCOL.md, P47 to P52): messages of any length go in and
 * come out, and travel in parts between which others fit. Pure: socket and time are its host's.
 */
export class Line {
  readonly out: Outgoing
  readonly in: IncomingFrames

  constructor(host: OutgoingHost, limits: IncomingLimits) {
    this.out = new Outgoing(host)
    this.in = new IncomingFrames(limits)
  }

  /** A text frame came: reports it when that is due, and says what it brought. */
  receive(text: string): Heard {
    if (this.in.arrived(text)) this.report()
    const heard = this.in.take(text)
    if (heard.type === 'part' || heard.type === 'report') this.out.isPlain = false
    if (heard.type !== 'report') return heard
    const { moved, queued } = this.out
    if (!this.out.reported(heard.frames)) return { type: 'bad', isTooLarge: false }
    const isNew = this.out.moved > moved
    return { type: 'report', isNew, hasMoved: isNew && queued > 0 }
  }

  /** Says what has come so far: a sign of life. */
  report(): void {
    if (this.out.isPlain) return
    this.out.now({ text: reportText(this.in.count) })
  }
}
