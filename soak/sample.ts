/** What a process held at a moment, after a garbage collection. */
export type Sample = Readonly<Record<string, number>>

/** Collects garbage and counts what every process has: heap in bytes, open sockets, timers that will fire. */
export function sampleProcess(): Sample {
  const { gc } = globalThis as { gc?: () => void }
  if (!gc) throw new Error('start with --expose-gc')
  // What the first collection finalises, the second one frees.
  gc()
  gc()
  const resources = process.getActiveResourcesInfo()
  const number = (name: string): number => resources.filter((resource) => resource === name).length
  return { heapBytes: process.memoryUsage().heapUsed, tcpSockets: number('TCPSocketWrap'), timers: number('Timeout') }
}
