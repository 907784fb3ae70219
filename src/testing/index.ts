/**
 * Tools for tests, in Node: a TCP proxy that does to connections what networks do.
 *
 * @packageDocumentation
 */
export { createFaultProxy, type FaultProxy, type FaultProxyOptions } from './fault-proxy.ts'
export type { Amount, Direction, Fault, FaultRule } from './fault.ts'
export type { FaultConnection, ProxyTarget } from './fault-connection.ts'
export { createSeededRandom, type SeededRandom } from './seeded-random.ts'
