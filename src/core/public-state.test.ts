import { describe, expect, it } from 'vitest'
import type { CoreEvent } from './events.ts'
import { publicState } from './derive-public-state.ts'
import type { ConnectionState } from './public-state.ts'
import { id, place, published } from './testing/frames.ts'
import { createMachine, type Machine } from './testing/machine.ts'

const host = { durable: true, shared: true }
const subscribe = (channel: string, offset: number | null): CoreEvent => ({
  type: 'subscribe',
  channel,
  cursor: offset === null ? null : place(offset),
})
const disconnected = (code: number): Machine => createMachine().connect().feed({ type: 'closed', code })

describe('public state', () => {
  it.each<[string, Machine, Partial<ConnectionState>]>([
    ['resting', createMachine(), { status: 'connecting' }],
    ['asking', createMachine().feed({ type: 'start' }), { status: 'connecting' }],
    ['opening', createMachine().feed({ type: 'start' }, { type: 'credential', credential: null }), { status: 'connecting' }],
    [
      'greeting',
      createMachine().feed({ type: 'start' }, { type: 'credential', credential: null }, { type: 'opened' }),
      { status: 'connecting' },
    ],
    ['live without channels', createMachine().connect(), { status: 'connected' }],
    ['a channel without its verdict', createMachine().connect().feed(subscribe('a', 3)), { status: 'recovering', recovered: 0, missed: 0 }],
    [
      'missed messages on their way',
      createMachine()
        .connect()
        .feed(subscribe('a', 3))
        .frame({ type: 'subscribed', sub: 1, head: place(9), verdict: 'recovered', missed: 6 })
        .frame({ type: 'missed_messages', sub: 1, messages: published(4, 5) }),
      { status: 'recovering', recovered: 2, missed: 6 },
    ],
    [
      'every channel up to date or refused',
      createMachine()
        .connect()
        .feed(subscribe('a', 3), subscribe('b', null))
        .frame({ type: 'subscribed', sub: 1, head: place(3), verdict: 'recovered', missed: 0 })
        .frame({ type: 'refused', sub: 2, reason: 'forbidden', message: 'no' }),
      { status: 'connected' },
    ],
    ['waiting', disconnected(1006), { status: 'waiting', attempt: 1, retryAtMs: 1_001_000, reason: 'unreachable', closeCode: 1006 }],
    ['refused', disconnected(4403), { status: 'refused', reason: 'forbidden' }],
    ['restarting', createMachine().connect().frame({ type: 'unknown_client' }), { status: 'connecting' }],
  ])('[CN14] %s', (_, machine, expected) => {
    expect(publicState(machine.state, host)).toEqual({ pending: 0, ...host, ...expected })
  })

  it('[CN14] what waits is counted without tombstones, in every state', () => {
    const machine = createMachine().append('a', 'b', 'c')
    machine.feed({ type: 'buried', client: machine.state.outbox.client, numbers: [2], why: 'cancelled' })
    expect(publicState(machine.state, host).pending).toBe(2)
    expect(publicState(machine.connect().state, { durable: false, shared: false })).toEqual({
      status: 'connected',
      pending: 2,
      durable: false,
      shared: false,
    })
  })

  it('[CN14] while the browser says there is no network, that is the reason of the wait, and tries go on', () => {
    const machine = createMachine().connect().feed({ type: 'presence', visible: true, online: false }, { type: 'closed', code: 1006 })
    expect(publicState(machine.state, host)).toMatchObject({ status: 'waiting', reason: 'offline' })
    expect(machine.take()).toContainEqual({ type: 'set-timer', timer: 'retry', delayMs: 1_000 })
  })

  it('[CN14] an outbox that restarts counts what is left of it', () => {
    const machine = createMachine().append('a', 'b').identify().raised().frame({ type: 'unknown_client' })
    machine.feed({ type: 'restarted', outbox: { ...machine.state.outbox, client: id('next') } })
    expect(publicState(machine.state, host)).toMatchObject({ status: 'connecting', pending: 2 })
  })
})
