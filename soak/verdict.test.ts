import { describe, expect, it } from 'vitest'
import type { Sample } from './sample.ts'
import { findGrowth, type HealedSample } from './verdict.ts'

const CLIENTS = 100
const SERVER: Sample = {
  heapBytes: 8_000_000,
  timers: 1,
  tcpSockets: CLIENTS,
  sockets: CLIENTS,
  listeners: 15,
  sessions: CLIENTS,
  clients: CLIENTS,
  channels: 11,
  channelsRead: 11,
  lanes: CLIENTS,
  queued: 0,
  logMessages: 220,
  mostLogMessages: 220,
}
const HOSTS: Sample = {
  heapBytes: 20_000_000,
  timers: 200,
  tcpSockets: CLIENTS,
  idle: CLIENTS,
  gaps: 0,
  resets: 0,
  restarts: 0,
  errors: 0,
  sent: 500,
  applied: 500,
}

/** A run of samples; `grow` says what the nth one is like. */
function run(grow: (at: number) => { server?: Sample; clients?: Sample }): HealedSample[] {
  return Array.from({ length: 10 }, (_, at) => {
    const { server, clients } = grow(at)
    return { minute: at, server: { ...SERVER, ...server }, clients: { ...HOSTS, ...clients } }
  })
}
const last = (facts: { server?: Sample; clients?: Sample }) => run((at) => (at === 9 ? facts : {}))

describe('verdict of a soak', () => {
  it('[I24] nothing is found where everything came back, with a heap that goes up and down', () => {
    expect(
      findGrowth(
        run((at) => ({ server: { heapBytes: 8_000_000 + (at % 2) * 100_000 } })),
        CLIENTS,
      ),
    ).toEqual([])
  })

  it.each([
    ['a socket too many', { server: { tcpSockets: CLIENTS + 1 } }],
    ['a session too many', { server: { sessions: CLIENTS + 1 } }],
    ['a client record too many', { server: { clients: CLIENTS + 1 } }],
    ['a listener too many', { server: { listeners: 16 } }],
    ['timers that stay', { server: { timers: 40 } }],
    ['timers that stay with the clients', { clients: { timers: 240 } }],
    ['a log over its limit', { server: { logMessages: 221 } }],
    ['a client that is not well again', { clients: { idle: CLIENTS - 1 } }],
    ['a message without an effect', { clients: { sent: 501 } }],
    ['a gap', { clients: { gaps: 1 } }],
  ])('[I24] %s is found', (_, facts) => {
    expect(findGrowth(last(facts as { server?: Sample; clients?: Sample }), CLIENTS)).not.toEqual([])
  })

  it.each(['server', 'clients'] as const)('[I30] a heap of the %s that grows with every minute is found', (who) => {
    const found = findGrowth(
      run((at) => ({ [who]: { heapBytes: 10_000_000 + at * 50_000 + (at % 2) * 20_000 } })),
      CLIENTS,
    )
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`the heap of the ${who} grows`)
  })
})
