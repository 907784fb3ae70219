import type { SocketEvents } from './ports.ts'
import type { Holder } from './holder.ts'
import type { ServerLimits } from './options.ts'
import { Shares, type Share } from './shares.ts'
import type { CloseName } from '../protocol/index.ts'

/** A connection as long as nobody knows whose it is. */
export interface Unknown extends SocketEvents {
  /** Whether its `hello` was answered. */
  readonly isOpen: boolean
  close(name: CloseName): void
}

/** Room on the wire for everything in a `hello` but its channels, and for each channel. */
const HELLO_BYTES = 65_536
const CHANNEL_BYTES = 1_024

/**
 * What sockets bring before their `hello` is answered: nobody knows yet who they are, so each may bring little, and all
 * together no more than there is room for. Where that is reached, who has brought about most is closed.
 */
export class WaitingBytes {
  readonly #each: number
  readonly #shares: Shares<() => void>
  #sockets = 0
  readonly #count: (name: string) => void

  constructor({ waitingBytes, channels, frameBytes }: ServerLimits, count: (name: string) => void) {
    this.#each = Math.min(frameBytes, HELLO_BYTES + CHANNEL_BYTES * channels)
    this.#shares = new Shares({ total: waitingBytes, anonymous: waitingBytes, holder: waitingBytes })
    this.#count = count
  }

  /** Bytes of all. */
  get taken(): number {
    return this.#shares.size
  }

  /** Watches over a connection until it is known. */
  guard(connection: Unknown): SocketEvents {
    const holder: Holder = { pool: 'anonymous', name: `socket ${++this.#sockets}` }
    const pay = (): void => {
      leave()
      // Who has become known since pays nothing.
      if (connection.isOpen) return
      this.#count('dropped.waiting')
      connection.close('busy')
    }
    let share: Share<() => void> | undefined = this.#shares.add(pay, holder, 0)
    let [heard, read] = [0, 0]
    const leave = (): void => {
      if (share !== undefined) this.#shares.remove(share)
      share = undefined
    }
    /** What came in pieces is not counted again when it is whole. */
    const mayCome = (): boolean => {
      if (share === undefined) return true
      if (connection.isOpen) leave()
      else if (Math.max(heard, read) > this.#each) {
        leave()
        connection.close('tooLarge')
        return false
      } else this.#take(share, holder, Math.max(heard, read))
      return true
    }
    return {
      bytes: (length) => {
        heard += length
        mayCome()
      },
      text: (text) => {
        read += text.length
        if (mayCome()) connection.text(text)
      },
      binary: () => connection.binary(),
      control: () => connection.control(),
      drained: () => connection.drained(),
      closed: () => {
        leave()
        connection.closed()
      },
    }
  }

  #take(share: Share<() => void>, holder: Holder, bytes: number): void {
    this.#shares.resize(share, bytes)
    for (let payer = this.#shares.payer(holder, 0); payer !== undefined; payer = this.#shares.payer(holder, 0)) payer.value()
  }
}
