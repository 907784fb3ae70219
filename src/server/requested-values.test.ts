import { describe, expect, it } from 'vitest'
import { fakeServer } from './testing/fake-peer.ts'

describe('a requested value that cannot be had', () => {
  it('[P28] is tried again after 1, 2, 4, 8, 16 and 30 s, and every 30 s from then on', async () => {
    const askedAtMs: number[] = []
    let isBroken = false
    const { open, clock } = fakeServer({
      snapshot: () => {
        askedAtMs.push(clock.nowMs())
        if (isBroken) throw new Error('no database')
        return 1
      },
    })
    const peer = await open({ subscriptions: [{ sub: 1, channel: 'agents', cursor: null }] })
    isBroken = true
    askedAtMs.length = 0
    peer.say({ type: 'snapshot_request', sub: 1, from: 0 })
    for (let seconds = 0; seconds < 130; seconds++) {
      await clock.pass(1_000)
      peer.say({ type: 'ping' })
    }
    const waits = askedAtMs.map((atMs, at) => atMs - (askedAtMs[at - 1] ?? atMs))
    expect(waits).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })
})
