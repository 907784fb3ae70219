import { describe, expect, it } from 'vitest'
import type { ConnectionState } from '../core/public-state.ts'
import { watchFirstFailure } from './first-failure.ts'
import { createLiveValue } from './live-value.ts'
import { TestClock } from './test-page.ts'

const facts = { pending: 0, durable: true, shared: true }
const connecting: ConnectionState = { ...facts, status: 'connecting' }
const waiting = { ...facts, status: 'waiting', attempt: 1, retryAtMs: 0 } as const

function watch() {
  const clock = new TestClock()
  const lines: string[] = []
  const state = createLiveValue<ConnectionState>(connecting, () => {})
  const over = new AbortController()
  watchFirstFailure({ clock, warn: (line) => lines.push(line) }, 'wss://app.test/live?secret=1', state, over.signal)
  return { clock, lines, state, over }
}

describe('a first connection that does not come', () => {
  it('[TB38] is told in one line after ten seconds: the address without its query, why, and where to look', () => {
    const { clock, lines, state } = watch()
    state.set({ ...waiting, reason: 'unreachable', closeCode: 1006 })
    clock.pass(9_999)
    expect(lines).toEqual([])
    clock.pass(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /^holdfast: never-connected: .*wss:\/\/app\.test\/live: unreachable, close code 1006\. .*server's log.*path.*proxy/,
    )
    expect(lines[0]).not.toContain('secret')
    state.set(connecting)
    state.set({ ...waiting, reason: 'protocol' })
    clock.pass(60_000)
    expect(lines).toHaveLength(1)
  })

  it.each([
    [connecting, 'no answer yet'],
    [{ ...waiting, reason: 'no-credential' } as const, 'option token'],
    [{ ...waiting, reason: 'hub' } as const, 'the hub does not start'],
    [
      { ...facts, status: 'refused', reason: 'hub', script: 'https://cdn.test/hub.js', crossOrigin: true } as const,
      'https://cdn.test/hub.js, of another origin',
    ],
    [{ ...facts, status: 'refused', reason: 'reload-needed' } as const, '(address not known to the page)'],
    [{ ...facts, status: 'refused', reason: 'version' } as const, 'different builds'],
  ])('[TB38] names what is known: %j', (state, words) => {
    const watched = watch()
    watched.state.set(state)
    watched.clock.pass(10_000)
    expect(watched.lines[0]).toContain(words)
  })

  it('[TB38] says nothing of a browser without a network, before that has one', () => {
    const { clock, lines, state } = watch()
    state.set({ ...waiting, reason: 'offline' })
    clock.pass(10_000)
    clock.pass(50_000)
    expect(lines).toEqual([])
    state.set({ ...waiting, reason: 'unreachable' })
    expect(lines).toHaveLength(1)
  })

  it.each(['auth', 'user', 'forbidden'] as const)('[TB38] says nothing of a refusal by the server: %s', (reason) => {
    const { clock, lines, state } = watch()
    state.set({ ...facts, status: 'refused', reason })
    clock.pass(60_000)
    expect(lines).toEqual([])
  })

  it('[TB38] is no matter any more once there was one, and leaves nothing behind', () => {
    const { clock, lines, state } = watch()
    state.set({ ...facts, status: 'recovering', recovered: 0, missed: 1 })
    expect(clock.pending).toBe(0)
    state.set({ ...waiting, reason: 'unreachable' })
    clock.pass(60_000)
    expect(lines).toEqual([])
    const closed = watch()
    closed.over.abort()
    expect(closed.clock.pending).toBe(0)
  })
})
