import { describe, expect, it } from 'vitest'
import type { CoreEvent } from './events.ts'
import { createMachine, type Machine } from './testing/machine.ts'
import { createHost, type Host } from './testing/host.ts'
import { restored } from './testing/frames.ts'

const beat: CoreEvent = { type: 'timer', timer: 'heartbeat' }
const ping = { type: 'ping' }

async function live(): Promise<Host> {
  const host = createHost()
  host.runtime.dispatch({ type: 'start' })
  await host.answer()
  return host
}

const pings = (host: Host): number => host.sockets.last().received.filter(({ type }) => type === 'ping').length

function silent(forMs: number): Machine {
  const machine = createMachine().connect()
  machine.take()
  machine.nowMs += forMs
  return machine
}

describe('heartbeat', () => {
  it('[HB1] [I33] [P31] a peer that says nothing more is given up at most 9 s after its last word, whenever that was', async () => {
    for (const lastWordMs of [0, 1, 2_500, 4_999, 5_000, 7_200]) {
      const host = await live()
      host.clock.advance(lastWordMs)
      host.sockets.last().send({ type: 'pong' })
      host.clock.advance(8_999)
      expect([host.runtime.state.phase.name, pings(host) > 0]).toEqual(['live', true])
      host.clock.advance(1)
      expect(host.runtime.state.phase).toMatchObject({ name: 'waiting', reason: 'unreachable' })
      expect(host.sockets.last().closedWith).toBe(4000)
    }
  })

  it('[HB2] any frame is a sign of life, and sets no timer', async () => {
    const host = await live()
    for (let second = 0; second < 24; second++) {
      host.clock.advance(1_000)
      host.sockets.last().send({ type: 'pong' })
    }
    expect([host.runtime.state.phase.name, pings(host)]).toEqual(['live', 0])
    const machine = silent(3_000).frame({ type: 'pong' })
    expect(machine.take()).toEqual([])
  })

  it('[HB2] a frame after the ping stops the wait for its answer', () => {
    const machine = silent(5_000).feed(beat)
    expect(machine.sent()).toEqual([ping])
    machine.frame({ type: 'pong' })
    expect(machine.take()).toEqual([{ type: 'clear-timer', timer: 'pong' }])
  })

  it('[HB3] while nobody looks the longer interval of the server holds', async () => {
    const host = await live()
    host.runtime.dispatch({ type: 'presence', visible: false, online: true })
    host.clock.advance(24_999)
    expect(pings(host)).toBe(0)
    host.clock.advance(1)
    expect(pings(host)).toBe(1)
  })

  it('[HB3] [I33] tabs that come and go all the time do not keep a dead peer unnoticed', async () => {
    const host = await live()
    for (let tenth = 0; tenth < 90; tenth++) {
      host.runtime.dispatch({ type: 'presence', visible: true, online: true })
      host.clock.advance(100)
    }
    expect(host.runtime.state.phase.name).toBe('waiting')
  })

  it('[HB3] whoever looks again after a long silence has the peer asked at once', () => {
    const machine = createMachine().connect().feed({ type: 'presence', visible: false, online: true })
    machine.nowMs += 20_000
    machine.take()
    machine.feed({ type: 'presence', visible: true, online: true })
    expect(machine.sent()).toEqual([ping])
  })

  it.each([
    ['forward', 86_400_000],
    ['back', -86_400_000],
  ])('[HB4] [I35] a clock that jumps %s a day costs one ping and neither ends nor delays anything', async (_, jumpMs) => {
    const host = await live()
    host.clock.advance(1_000)
    host.clock.jump(jumpMs)
    host.clock.advance(4_000)
    expect(pings(host)).toBe(1)
    host.sockets.last().send({ type: 'pong' })
    host.clock.advance(4_000)
    expect([host.runtime.state.phase.name, pings(host)]).toEqual(['live', 1])
    host.clock.advance(5_000)
    expect(host.runtime.state.phase.name).toBe('waiting')
  })

  it('[HB5] [I33] a machine that slept asks at once when it wakes, and gives the socket up 4 s later', async () => {
    const host = await live()
    host.clock.jump(3_600_000)
    host.runtime.dispatch({ type: 'wake' })
    expect(pings(host)).toBe(1)
    host.runtime.dispatch({ type: 'wake' })
    expect(pings(host)).toBe(1)
    host.clock.advance(4_000)
    expect(host.runtime.state.phase.name).toBe('waiting')
  })

  it.each([true, false])(
    '[HB6] [P31] who only listens, visible %s, still says something every 25 s: the server must hear it',
    async (visible) => {
      const host = await live()
      host.runtime.dispatch({ type: 'presence', visible, online: true })
      const saidAtMs: number[] = []
      for (let second = 1; second <= 150; second++) {
        host.clock.advance(1_000)
        host.sockets.last().send({ type: 'pong' })
        if (pings(host) > saidAtMs.length) saidAtMs.push(second * 1_000)
      }
      expect(saidAtMs).toEqual([25_000, 50_000, 75_000, 100_000, 125_000, 150_000])
      expect(host.runtime.state.phase.name).toBe('live')
    },
  )

  it('[HB6] who sends needs no ping', async () => {
    const host = await live()
    for (let second = 1; second <= 60; second++) {
      host.clock.advance(1_000)
      host.sockets.last().send({ type: 'pong' })
      host.runtime.dispatch({ type: 'volatile', frame: '{"type":"volatile","messages":[]}', count: 0 })
    }
    expect([host.sockets.last().received.filter(({ type }) => type === 'volatile').length, pings(host)]).toEqual([60, 0])
  })

  it('[HB1] timers of an ended socket do not touch the next one', async () => {
    const host = await live()
    host.clock.advance(5_000)
    expect(pings(host)).toBe(1)
    host.sockets.last().listener.closed(1006)
    host.clock.advance(1_000)
    await host.answer(restored())
    host.clock.advance(3_000)
    expect([host.runtime.state.phase.name, host.sockets.all.length]).toEqual(['live', 2])
  })
})
