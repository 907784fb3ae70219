import type { Broadcast, OpenBroadcast } from './broadcast-port.ts'

/** The broadcast channels of one origin, in memory, for tests. Every message arrives in a microtask of its own, copied as between threads. */
export function createTestBroadcasts(): OpenBroadcast {
  const channels = new Map<string, Set<(data: unknown) => void>>()
  return (name): Broadcast => {
    const all = channels.get(name) ?? new Set()
    channels.set(name, all)
    const listeners: ((event: { readonly data: unknown }) => void)[] = []
    let isClosed = false
    const hear = (data: unknown): void => {
      if (!isClosed) for (const listener of listeners) listener({ data })
    }
    all.add(hear)
    return {
      addEventListener: (_type, listener) => void listeners.push(listener),
      postMessage(message) {
        if (isClosed) throw new DOMException('the channel is closed', 'InvalidStateError')
        const copy: unknown = structuredClone(message)
        for (const other of all) if (other !== hear) queueMicrotask(() => other(copy))
      },
      close() {
        isClosed = true
        all.delete(hear)
      },
    }
  }
}
