import { describe, expect, it } from 'vitest'
import { sendsAtOnce } from './sending.ts'
import { id } from './testing/frames.ts'
import { createHost } from './testing/host.ts'
import { createMachine, type Machine } from './testing/machine.ts'

/** Two messages are on their way when the connection ends. */
function endsWith(machine: Machine, code: number): Machine {
  machine.identify()
  if (machine.state.outbox.entries.length === 0) machine.append(1, 2)
  return machine.raised().feed({ type: 'closed', code })
}

describe('frames that do not pass', () => {
  it('[P52] [CN20] after a 1009 the next socket gets frames half as long, down to 1 KiB, and the server hears of it', () => {
    const machine = endsWith(createMachine(), 1009)
    machine.take()
    machine.feed({ type: 'retry' }, { type: 'credential', credential: 'secret' }, { type: 'opened' })
    const effects = machine.take()
    expect(effects).toContainEqual({ type: 'open', partBytes: 8_192 })
    expect(effects).toContainEqual({ type: 'hello', hello: expect.objectContaining({ partBytes: 8_192 }) as unknown })
    machine.feed({ type: 'closed', code: 1006 })
    for (let times = 0; times < 8; times++) endsWith(machine, 1009)
    expect(machine.state.partBytes).toBe(1_024)
  })

  it('[P52] [CN20] so does the same end twice with the same message on its way, and no other', () => {
    const machine = endsWith(createMachine(), 1006)
    expect(machine.state.partBytes).toBe(16_384)
    for (const code of [1001, 4413, 4413, 1006]) endsWith(machine, code)
    expect(machine.state.partBytes).toBe(16_384)
    endsWith(machine, 1006)
    expect(machine.state.partBytes).toBe(8_192)
    const idle = createMachine()
    for (let times = 0; times < 3; times++) idle.identify().feed({ type: 'closed', code: 1006 })
    expect(idle.state.partBytes).toBe(16_384)
  })

  it('[P52] an end with nothing on its way in between says nothing of what was', () => {
    const machine = endsWith(createMachine(), 1006)
    machine.feed({ type: 'retry' }, { type: 'credential', credential: 'secret' }, { type: 'opened' }, { type: 'closed', code: 1006 })
    expect(machine.state.partBytes).toBe(16_384)
    endsWith(machine, 1006)
    expect(machine.state.partBytes).toBe(8_192)
  })

  it('[P52] the same number of another client id is another message', () => {
    const machine = endsWith(createMachine(), 1006).identify().frame({ type: 'unknown_client' })
    const outbox = { ...machine.state.outbox, client: id('another') }
    machine.feed({ type: 'restarted', outbox }, { type: 'credential', credential: 'secret' }, { type: 'opened' })
    expect(machine.state.outbox.client).toBe(id('another'))
    machine.feed({ type: 'closed', code: 1006 })
    endsWith(machine, 1006)
    expect(machine.state.partBytes).toBe(16_384)
    endsWith(machine, 1006)
    expect(machine.state.partBytes).toBe(8_192)
  })

  it.each([1001, 1011, 1012, 1013, 4413])('[P52] a server that closes with %i for a reason of its own says nothing of the way', (code) => {
    const machine = createMachine()
    for (let times = 0; times < 3; times++) endsWith(machine, code)
    expect(machine.state.partBytes).toBe(16_384)
  })

  it('[P52] says so in the log as often as frames become shorter', () => {
    const machine = createMachine()
    for (let times = 0; times < 8; times++) endsWith(machine, 1009)
    const shorter = machine.take().filter((effect) => effect.type === 'log' && effect.entry.event === 'shorter-frames')
    expect(shorter).toHaveLength(4)
  })

  it('[CN20] the hub that goes on from a machine keeps it', async () => {
    const earlier = { attempt: 0, troubledSinceMs: null, triesPaidByMs: 0, openingTookMs: null, partBytes: 2_048, lateHellos: 1 }
    const host = createHost({ earlier })
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    expect(host.sockets.last().received[0]).toMatchObject({ type: 'hello', partBytes: 2_048 })
  })
})

describe('progress', () => {
  it('[P51] [CN1] an answer to hello is waited for while anything comes', () => {
    const machine = createMachine().feed({ type: 'start' }, { type: 'credential', credential: 'secret' }, { type: 'opened' })
    machine.take()
    machine.feed({ type: 'progress', hasMoved: false })
    expect(machine.take()).toEqual([{ type: 'set-timer', timer: 'handshake', delayMs: 10_000 }])
  })

  it('[P51] [HB2] a part or a report is a sign of life', () => {
    const machine = createMachine().identify()
    machine.nowMs += 5_000
    machine.feed({ type: 'timer', timer: 'heartbeat' })
    machine.take()
    machine.feed({ type: 'progress', hasMoved: false })
    expect(machine.take()).toContainEqual({ type: 'clear-timer', timer: 'pong' })
  })

  it('[P51] [CN17] [I40] what is owed may take as long as long messages move, and no longer', () => {
    const machine = createMachine().identify().feed({ type: 'subscribe', channel: 'a', cursor: null })
    const look = { type: 'timer', timer: 'answers' } as const
    for (let times = 0; times < 10; times++) machine.feed({ type: 'progress', hasMoved: true }, look)
    expect(machine.state.phase.name).toBe('live')
    machine.feed({ type: 'progress', hasMoved: false }, look)
    expect(machine.state.phase.name).toBe('waiting')
  })
})

describe('what is handed to the line', () => {
  /** Starts a host and sends messages that were queued. */
  async function sending(count: number, units: number) {
    const host = createHost()
    host.runtime.dispatch({ type: 'start' })
    await host.answer()
    const messages = Array.from({ length: count }, (_, at) => ({ id: id(`m${at}`), channel: 'a', json: JSON.stringify('x'.repeat(units)) }))
    for (const message of messages) void host.runtime.send([message])
    await host.settle()
    return host
  }

  it('[OB11] [P47] is no more than a part at a time, filled', async () => {
    const host = await sending(600, 1_000)
    const frames = host.sockets.last().received.filter(({ type }) => type === 'send')
    const lengths = frames.map((frame) => JSON.stringify(frame).length)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(16_384)
    expect(lengths.slice(1, -1).every((length) => length > 12_000)).toBe(true)
    expect(frames.flatMap(({ messages }) => messages as unknown[])).toHaveLength(600)
  })

  it('[OB11] nothing more is handed over while something waits there, and a volatile message is dropped', async () => {
    const machine = createMachine().identify().feed({ type: 'line', isBehind: true })
    machine.append(1).raised()
    expect(machine.sent()).toEqual([])
    machine.feed({ type: 'volatile', frame: '{"type":"volatile","messages":[]}', count: 1 })
    expect(machine.sent()).toEqual([])
    machine.feed({ type: 'line', isBehind: false })
    expect(machine.sent()).toMatchObject([{ type: 'send' }])
  })

  it('[OB11] for a line that is behind nothing leaves at once, nor once or not at all, though nothing is queued', () => {
    const machine = createMachine().identify()
    expect(sendsAtOnce(machine.state)).toBe(true)
    machine.feed({ type: 'line', isBehind: true }, { type: 'volatile', frame: '{"type":"volatile","messages":[]}', count: 0 })
    expect([sendsAtOnce(machine.state), machine.sent()]).toEqual([false, []])
  })
})
