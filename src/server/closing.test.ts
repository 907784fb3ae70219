import { describe, expect, it } from 'vitest'
import { fakeServer, freshId } from './testing/fake-peer.ts'

describe('closing', () => {
  it('[P33] says goodbye with a window that grows with the clients, then closes with 1012, once', async () => {
    const few = fakeServer()
    const peer = await few.open()
    const closing = few.core.close(5_000)
    expect(few.core.close(1)).toBe(closing)
    await closing
    expect(peer.received.slice(1)).toEqual([{ type: 'goodbye', retryMinMs: 100, retryMaxMs: 1_000 }])
    expect(peer.closedWith?.code).toBe(1012)
    const many = fakeServer()
    const peers = await Promise.all(Array.from({ length: 250 }, () => many.open()))
    await many.core.close(5_000)
    expect(peers[0]?.last('goodbye').retryMaxMs).toBe(2_500)
    expect(many.peer().closedWith?.code).toBe(1012)
    await expect(many.core.publish('a', 1)).rejects.toMatchObject({ code: 'closed' })
  })

  it('[P33] waits for handlers under way to commit, and begins no other', async () => {
    const settle: (() => void)[] = []
    const server = fakeServer({ onMessage: () => new Promise<void>((resolve) => settle.push(resolve)) })
    const peer = await server.open()
    peer.say({ type: 'send', confirmed: 0, messages: [1, 2].map((n) => ({ n, id: freshId(), channel: 'a', data: n })) })
    await server.clock.settle()
    let hasClosed = false
    void server.core.close(5_000).then(() => (hasClosed = true))
    await server.clock.pass(1_000)
    expect(hasClosed).toBe(false)
    settle[0]?.()
    await server.clock.settle()
    expect([hasClosed, settle.length]).toEqual([true, 1])
    expect(server.core.metrics().totals).toMatchObject({ received: 2, applied: 1, 'dropped.closing': 1 })
  })

  it('[P33] waits no longer than it was told, and aborts what is left', async () => {
    let signal: AbortSignal | undefined
    const server = fakeServer({ onMessage: (_message, context) => ((signal = context.signal), new Promise(() => {})) })
    const peer = await server.open()
    peer.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'a', data: 1 }] })
    await server.clock.settle()
    const closing = server.core.close(5_000)
    await server.clock.pass(5_000)
    await closing
    expect(signal?.aborted).toBe(true)
  })

  it('[I24] leaves no timer behind', async () => {
    const server = fakeServer({ onMessage: () => undefined })
    const before = server.clock.timers
    const peer = await server.open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    peer.drop()
    await server.clock.settle()
    expect(server.clock.timers).toBe(before)
    await server.core.close(5_000)
    expect(server.clock.timers).toBe(0)
  })

  it('[P8] [I24] returns to the baseline when everything has expired', async () => {
    const server = fakeServer({
      sessions: { ttlMs: 60_000, clientTtlMs: 120_000, sweepMs: 10_000 },
      history: { ageMs: 60_000 },
      onMessage: () => undefined,
    })
    for (let at = 0; at < 20; at++) {
      const peer = await server.open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
      peer.say({ type: 'send', confirmed: 0, messages: [{ n: 1, id: freshId(), channel: 'a', data: 1 }] })
      await server.core.publish('a', at)
      peer.drop()
    }
    await server.clock.settle()
    expect(server.core.metrics()).toMatchObject({ sockets: 0, sessions: 20, clients: 20, lanes: 0, logMessages: 20 })
    await server.clock.pass(75_000)
    expect(server.core.metrics()).toMatchObject({ sessions: 0, clients: 20, logMessages: 0, logBytes: 0 })
    await server.clock.pass(60_000)
    expect(server.core.metrics()).toMatchObject({ sockets: 0, sessions: 0, clients: 0, lanes: 0, queued: 0, channelsRead: 0 })
  })

  it('[I31] accounts for every number it took', async () => {
    const server = fakeServer({
      onMessage: ({ n }) => {
        if (n === 2) throw new Error('no')
      },
    })
    const peer = await server.open()
    const ids = Array.from({ length: 8 }, freshId)
    const message = (n: number): { n: number; id: string; channel: string; data: number } => ({
      n,
      id: ids[n] ?? '',
      channel: 'a',
      data: n,
    })
    peer.say({ type: 'send', confirmed: 0, messages: [message(1), message(1), message(2), message(3), message(5)] })
    peer.say({ type: 'skip', numbers: [{ n: 4, id: freshId() }] })
    await server.clock.pass(10_000)
    peer.say({ type: 'send', confirmed: 0, messages: [{ ...message(3), id: freshId() }, message(5)] })
    await server.clock.settle()
    const { totals, queued } = server.core.metrics()
    const fates = [
      'applied',
      'rejected',
      'skipped',
      'duplicates',
      'refused.expected',
      'refused.conflict',
      'refused.unknown_client',
      'dropped.refusing',
    ]
    expect(queued + fates.reduce((sum, name) => sum + (totals[name] ?? 0), 0)).toBe(totals['received'])
    expect(totals).toMatchObject({
      received: 8,
      applied: 2,
      rejected: 1,
      duplicates: 1,
      skipped: 1,
      'refused.expected': 1,
      'refused.conflict': 1,
      'dropped.refusing': 1,
    })
  })
})
