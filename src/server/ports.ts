import type { Frame } from '../protocol/frames.ts'
import type { CloseName, Id } from '../protocol/index.ts'

export type { Frame }

/** Time, as the server uses it. The real one is in `node-platform.ts`; tests and the simulator bring their own. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back, whatever happens to the wall clock. */
  nowMs(): number
  /** Milliseconds since 1970. Only the expiry of credentials and of outbox tokens is measured with it. */
  wallMs(): number
  /** Runs `run` once after `delayMs`; the returned function cancels it. Never keeps the process alive. */
  setTimer(delayMs: number, run: () => void): () => void
  /** Runs `run` when the work at hand is done, before any timer: what is published in one turn shares a frame. */
  soon(run: () => void): void
}

/** Where ids and tokens come from: the platform's secure source and nothing else. */
export interface Random {
  /** 128 random bits, 22 characters of base64url. */
  id(): Id
  /** 256 random bits, 43 characters of base64url. */
  token(): string
}

/** An accepted socket, as a connection sees it. */
export interface ServerSocket {
  /** Hands the frame to the network. Never throws, and does nothing after `close`. */
  send(frame: Frame): void
  /** Starts the closing handshake, behind what was already sent; `why` is said instead of the name. */
  close(name: CloseName, why?: string): void
  /** Stops or goes on reading; what was read already may still be told. Absent where the host cannot. */
  hold?(isHeld: boolean): void
  /** Bytes handed over that the network has not taken yet. */
  bufferedBytes(): number
  /** Whether the network is behind; its `drained` event is then still to come. */
  isDraining(): boolean
}

/** What the host of a connection tells it. */
export interface SocketEvents {
  /** So many bytes came, be they a whole frame or a part of one; before or after what they bring is told. */
  bytes?(length: number): void
  /** A text frame came. */
  text(text: string): void
  /** A binary frame came. */
  binary(): void
  /** A WebSocket ping or pong came. */
  control(): void
  /** Everything handed over before is on its way. */
  drained(): void
  /** The socket is gone, for whatever reason. */
  closed(): void
}

/** What is known of the HTTP request a socket began as. */
export interface UpgradeRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The `Origin` header; a program that is no browser sends none. */
  readonly origin: string | undefined
  readonly remoteAddress: string | undefined
}
