/** The part of a `MessagePort` that tab and hub use. What was posted before {@link BridgePort.start} waits. */
export interface BridgePort {
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  postMessage(message: unknown): void
  start(): void
  /** Nothing is sent and nothing heard any more. The other end is not told. */
  close(): void
}
