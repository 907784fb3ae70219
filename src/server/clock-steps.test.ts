import { describe, expect, it } from 'vitest'
import { fakeServer, type FakeServer } from './testing/fake-peer.ts'

const HOUR_MS = 3_600_000

describe('a wall clock that is set to another time', () => {
  it.each([
    ['forward', 24 * HOUR_MS],
    ['back', -24 * HOUR_MS],
    ['to before 1970', -60 * 365 * 24 * HOUR_MS],
  ])('[P32] [I35] ends no credential early and prolongs none: %s', async (_, byMs) => {
    const server: FakeServer = fakeServer({
      authenticate: () => ({ user: 'ada', expiresAtMs: server.clock.wallMs() + 2 * 60_000 }),
      heartbeat: { hiddenPingMs: HOUR_MS },
    })
    const peer = await server.open({ user: 'ada', credential: 'x' })
    server.clock.jump(byMs)
    await server.clock.pass(59_000)
    expect([peer.closedWith, peer.all('authenticate')]).toEqual([undefined, []])
    server.clock.jump(-2 * byMs)
    await server.clock.pass(2_000)
    expect(peer.all('authenticate')).toHaveLength(1)
    await server.clock.pass(57_000)
    expect(peer.closedWith).toBeUndefined()
    await server.clock.pass(3_000)
    expect(peer.closedWith?.code).toBe(4401)
    // What is given from now on is reckoned by the time it is given at.
    expect((await server.open({ user: 'ada', credential: 'x' })).answer().user).toBe('ada')
  })

  it('[P8] [P23] [I35] neither ends sessions and client records nor ages what channels keep', async () => {
    const server = fakeServer({ history: { ageMs: HOUR_MS }, onMessage: () => {}, heartbeat: { hiddenPingMs: HOUR_MS } })
    const peer = await server.open({ subscriptions: [{ sub: 1, channel: 'a', cursor: null }] })
    const place = peer.last('subscribed').head
    await server.core.publish('a', 1)
    server.clock.jump(1_000 * 24 * HOUR_MS)
    await server.clock.pass(61_000)
    peer.drop()
    await server.clock.pass(61_000)
    const { session } = peer.answer() as { session: { id: string; token: string } }
    const again = await server.open({ session, subscriptions: [{ sub: 1, channel: 'a', cursor: place }] })
    expect([again.answer().type, again.last('subscribed')]).toMatchObject(['session_restored', { verdict: 'recovered', missed: 1 }])
  })

  it('[P5] an end that is no time is an invalid answer, and a log that throws keeps nobody out', async () => {
    const lines: unknown[] = []
    const broken = fakeServer({ authenticate: () => ({ user: 'ada', expiresAtMs: NaN }), log: (entry) => lines.push(entry) })
    expect((await broken.open({ user: 'ada', credential: 'x' })).closedWith?.code).toBe(4401)
    expect(lines[0]).toEqual({ level: 'error', event: 'authenticate_answer_invalid' })
    const silent = fakeServer({
      authenticate: () => {
        throw new Error('no')
      },
      log: () => {
        throw new Error('disk full')
      },
    })
    expect((await silent.open({ user: 'ada', credential: 'x' })).closedWith?.code).toBe(4401)
    expect(silent.core.metrics().totals).toMatchObject({ logFailures: 2 })
  })
})
