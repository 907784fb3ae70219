import { describe, expect, it } from 'vitest'
import { fakeServer } from './testing/fake-peer.ts'

const PING = '{"type":"ping"}'

describe('a server that stood still', () => {
  it('[P61] does not blame those who kept the announced rate: what comes at once counts against the time it had', async () => {
    const { open, clock } = fakeServer()
    const peer = await open()
    // Spent, so that no burst is left over.
    for (let at = 0; at < 199; at++) peer.text(PING)
    expect(peer.isHeld).toBe(false)
    clock.advance(6_000)
    // Before any timer has its turn, as events of one round of the loop come.
    for (let at = 0; at < 540; at++) peer.text(PING)
    // After such a turn what comes is taken in the turns that follow (BU10).
    await clock.pass(1)
    expect([peer.isHeld, peer.all('pong').length, peer.closedWith]).toEqual([false, 739, undefined])
    await clock.pass(1_000)
    for (let at = 0; at < 90; at++) peer.text(PING)
    expect(peer.isHeld).toBe(false)
  })

  it('[P61] gives no second burst to those who were free to be read all the while', async () => {
    const { open, clock } = fakeServer()
    const peer = await open()
    await clock.pass(6_000)
    for (let at = 0; at < 300; at++) peer.text(PING)
    expect([peer.isHeld, peer.all('pong').length]).toEqual([true, 201])
  })

  it('[P61] calls nobody silent, and gives a newcomer its time for hello', async () => {
    const { open, peer, clock } = fakeServer()
    const [known, newcomer] = [await open(), peer()]
    clock.advance(120_000)
    await clock.pass(5_000)
    expect([known.closedWith, newcomer.closedWith]).toEqual([undefined, undefined])
    await clock.pass(60_000)
    expect([known.closedWith?.code, newcomer.closedWith?.code]).toEqual([1001, 4408])
  })
})
