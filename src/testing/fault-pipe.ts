import type { Socket } from 'node:net'
import type { Amount, Direction, Fault } from './fault.ts'
import { PASS } from './fault.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Bytes one direction holds before it stops reading. */
const MAX_HELD_BYTES = 2 ** 20

/** One direction of a connection. */
export interface FaultPipe {
  /** Bytes passed on so far. */
  readonly bytes: number
  /** Replaces the fault of this direction. */
  set(fault: Fault): void
  /** Ends the stream after what was read so far. */
  end(): void
  /** Passes nothing on any more. */
  stop(): void
}

/** What {@link createFaultPipe} needs. */
export interface FaultPipeOptions {
  readonly from: Socket
  readonly to: Socket
  readonly direction: Direction
  readonly random: SeededRandom
  /** The bytes of a `cut` have been passed on. */
  readonly onCut: () => void
}

/** Passes bytes from one socket to the other, the way its fault says. Reads no faster than the other end takes them. */
export function createFaultPipe({ from, to, direction, random, onCut }: FaultPipeOptions): FaultPipe {
  const held: { chunk: Buffer; readonly dueAt: number }[] = []
  let fault: Fault = PASS
  let heldBytes = 0
  let passedBytes = 0
  let cutAtBytes = Infinity
  let freeAt = 0
  let lastDueAt = 0
  let ended = false
  let stopped = false
  let wake: () => void = () => {}

  const isBlackhole = (): boolean => fault.kind === 'blackhole' && (fault.direction === 'both' || fault.direction === direction)

  const steer = (): void => {
    if (isBlackhole() || heldBytes >= MAX_HELD_BYTES) from.pause()
    else from.resume()
    wake()
  }

  const dueAt = (): number => {
    if (fault.kind !== 'delay') return lastDueAt
    lastDueAt = Math.max(lastDueAt, performance.now() + fault.ms + random.next() * (fault.jitterMs ?? 0))
    return lastDueAt
  }

  from.on('data', (chunk: Buffer) => {
    if (ended || stopped) return
    held.push({ chunk, dueAt: dueAt() })
    heldBytes += chunk.length
    steer()
  })
  from.on('end', () => {
    ended = true
    wake()
  })

  /** Until something changes, or for so long. */
  const rest = (ms?: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const take = (most: number): Buffer => {
    const [head] = held
    if (!head) return Buffer.alloc(0)
    const piece = head.chunk.subarray(0, most)
    if (piece.length === head.chunk.length) held.shift()
    else head.chunk = head.chunk.subarray(piece.length)
    heldBytes -= piece.length
    return piece
  }

  const pass = async (piece: Buffer): Promise<void> => {
    passedBytes += piece.length
    await new Promise((resolve) => to.write(piece, resolve))
    if (fault.kind === 'throttle') freeAt = performance.now() + (piece.length / fault.bytesPerSecond) * 1_000
    // Gives the receiver a turn: otherwise the kernel would put the slices together again.
    if (fault.kind === 'slice') await new Promise((resolve) => setImmediate(resolve))
    if (!stopped) steer()
  }

  const run = async (): Promise<void> => {
    for (;;) {
      if (stopped) return
      const [head] = held
      const waitMs = Math.max(freeAt, head?.dueAt ?? 0) - performance.now()
      if (passedBytes >= cutAtBytes) return onCut()
      if (isBlackhole() || (!head && !ended)) await rest()
      else if (!head) return void to.end()
      else if (waitMs > 0) await rest(waitMs)
      else await pass(take(Math.min(pieceBytes(fault), cutAtBytes - passedBytes)))
    }
  }
  void run()

  return {
    get bytes() {
      return passedBytes
    },
    set(next) {
      fault = next
      freeAt = 0
      cutAtBytes = next.kind === 'cut' && next.direction === direction ? passedBytes + draw(next.afterBytes, random) : Infinity
      steer()
    },
    end() {
      ended = true
      wake()
    },
    stop() {
      stopped = true
      wake()
    },
  }
}

function pieceBytes(fault: Fault): number {
  if (fault.kind === 'slice') return fault.bytes
  // A twentieth of a second at a time, so that a slow line trickles.
  if (fault.kind === 'throttle') return Math.ceil(fault.bytesPerSecond / 20)
  return Infinity
}

function draw(amount: Amount, random: SeededRandom): number {
  return typeof amount === 'number' ? amount : random.integer(amount.min, amount.max)
}
