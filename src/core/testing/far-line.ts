import { reportText } from '../../protocol/frames.ts'
import { EVERYTHING, IncomingFrames } from '../../protocol/incoming.ts'

/**
 * The far end of a socket, as it hears: parts and reports stay below it. What it says comes whole, and whether that was
 * reported it does not mind.
 */
export interface FarLine {
  /** A frame of the other side. */
  hear(frame: string): void
}

/** Makes the far end of a line. `write` puts frames on the socket, `heard` gets whole messages. */
export function createFarLine(write: (frame: string) => void, heard: (message: string) => void): FarLine {
  const incoming = new IncomingFrames(EVERYTHING)
  return {
    hear(frame) {
      if (incoming.arrived(frame)) write(reportText(incoming.count))
      const told = incoming.take(frame)
      if (told.type === 'bad') throw new Error(`the other side made a bad frame: ${frame.slice(0, 200)}`)
      if (told.type === 'message') heard(told.text)
    },
  }
}
