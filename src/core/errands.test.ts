import { describe, expect, it } from 'vitest'
import type { CoreEvent } from './events.ts'
import { DEFAULT_LIMITS } from '../protocol/limits.ts'
import { place, welcome } from './testing/frames.ts'
import { createMachine, type Machine } from './testing/machine.ts'

interface Sent {
  readonly type: string
  readonly subs?: readonly number[]
  readonly subscriptions?: readonly { readonly sub: number; readonly channel: string }[]
}

const names = (screen: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${screen}${at}`)
const subscribe = (channels: readonly string[]): CoreEvent[] => channels.map((channel) => ({ type: 'subscribe', channel, cursor: null }))
const unsubscribe = (channels: readonly string[]): CoreEvent[] => channels.map((channel) => ({ type: 'unsubscribe', channel }))
const timer = (machine: Machine): Machine => machine.feed({ type: 'timer', timer: 'errands' })
const sent = (machine: Machine): Sent[] => machine.sent() as Sent[]
const asked = (frames: readonly Sent[]): string[] => frames.flatMap(({ subscriptions = [] }) => subscriptions.map(({ channel }) => channel))
const given = (frames: readonly Sent[]): number[] => frames.flatMap(({ subs = [] }) => subs)

describe('asking for channels', () => {
  it('[CH12] [P60] a screen of 120 channels is left for one of 120 others within the announced rates', () => {
    const machine = createMachine().feed(...subscribe(names('a', 120)))
    machine.identify().take()
    machine.feed(...unsubscribe(names('a', 120)), ...subscribe(names('b', 120)))
    const atOnce = sent(machine)
    expect(atOnce.length).toBeLessThanOrEqual(DEFAULT_LIMITS.frameBurst / 4)
    const frames = [...atOnce]
    for (let steps = 0; steps < 5; steps++) {
      machine.nowMs += 40
      frames.push(...sent(timer(machine)))
    }
    expect(given(frames)).toHaveLength(120)
    expect(asked(frames)).toEqual(names('b', 120))
    // Places are free before they are taken.
    expect(frames.findLastIndex(({ type }) => type === 'unsubscribe')).toBeLessThan(frames.findIndex(({ type }) => type === 'subscribe'))
    expect(timer(machine).take()).toEqual([])
  })

  it('[CH12] what was not asked for yet when it is given up never is', () => {
    const machine = createMachine().identify()
    const limits = { ...DEFAULT_LIMITS, framesPerSecond: 4, frameBurst: 4 }
    machine.feed({ type: 'closed', code: 1006 }).connect(welcome({ limits })).take()
    machine.feed(...subscribe(names('a', 10)), ...unsubscribe(names('a', 10)))
    const frames = sent(machine)
    for (let steps = 0; steps < 5; steps++) {
      machine.nowMs += 1_000
      frames.push(...sent(timer(machine)))
    }
    expect([asked(frames), given(frames).length]).toEqual([['a0'], 1])
  })

  it('[CH12] [P60] subscriptions and values keep to their own rate', () => {
    const machine = createMachine()
    const limits = { ...DEFAULT_LIMITS, subscriptionBurst: 4, subscriptionsPerSecond: 2 }
    machine.identify(welcome({ limits })).take()
    machine.feed(...subscribe(names('a', 6)))
    expect(asked(sent(machine))).toEqual(names('a', 4))
    machine.nowMs += 500
    expect(asked(sent(timer(machine)))).toEqual(['a4'])
    machine.nowMs += 500
    expect(asked(sent(timer(machine)))).toEqual(['a5'])
    machine.frame({ type: 'subscribed', sub: 1, head: place(3), verdict: 'start', follows: true }).take()
    for (const from of [2, 3, 1]) machine.feed({ type: 'want-snapshot', channel: 'a0', from })
    expect(sent(machine)).toEqual([])
    machine.nowMs += 500
    expect(sent(timer(machine))).toEqual([{ type: 'snapshot_request', sub: 1, from: 3 }])
  })

  it('[CH12] hello names what fits a quarter of a frame, and the rest follows the answer', () => {
    const channels = names('c'.repeat(100), 128)
    const machine = createMachine().feed(...subscribe(channels))
    machine.connect()
    const hello = machine.effects.find((effect) => effect.type === 'hello')
    const first = hello?.type === 'hello' ? hello.hello.subscriptions.map(({ channel }) => channel) : []
    expect(JSON.stringify(first).length).toBeLessThan(4_096)
    expect([...first, ...asked(sent(machine))]).toEqual(channels)
    machine.feed({ type: 'closed', code: 1006 }).take()
    machine.connect()
    const second = machine.effects.find((effect) => effect.type === 'hello')
    expect(second?.type === 'hello' && second.hello.subscriptions.length).toBe(128)
  })
})
