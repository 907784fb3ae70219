import { describe, expect, it } from 'vitest'
import type { ConnectionState } from '../core/public-state.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import { createStateBoard } from './state-board.ts'

const facts = { pending: 0, durable: true, shared: true } as const

function boardOf(first: ConnectionState) {
  const clock = createFakeClock()
  const shown: (ConnectionState | null)[] = []
  let state = first
  const board = createStateBoard(
    clock,
    () => state,
    () => void shown.push(board.current()),
  )
  return {
    clock,
    board,
    shown,
    set(next: ConnectionState): void {
      state = next
      board.update()
    },
  }
}

describe('the state board', () => {
  it('[HU17] shows another status at once', () => {
    const { set, shown, clock } = boardOf({ ...facts, status: 'connecting' })
    set({ ...facts, status: 'connected' })
    expect(shown).toEqual([{ ...facts, status: 'connected' }])
    expect(clock.running).toBe(0)
  })

  it('[HU17] shows many counts as one within 50 ms', () => {
    const { set, shown, clock } = boardOf({ ...facts, status: 'connected' })
    for (let pending = 1; pending <= 10; pending++) set({ ...facts, status: 'connected', pending })
    expect(shown).toEqual([])
    clock.advance(50)
    expect(shown).toEqual([{ ...facts, status: 'connected', pending: 10 }])
  })

  it('[HU17] takes a count that waits along with another status', () => {
    const { set, shown, clock } = boardOf({ ...facts, status: 'connected' })
    set({ ...facts, status: 'connected', pending: 1 })
    set({ ...facts, status: 'refused', reason: 'auth', pending: 1 })
    expect(shown).toEqual([{ ...facts, status: 'refused', reason: 'auth', pending: 1 }])
    expect(clock.running).toBe(0)
  })

  it('[HU17] says nothing when nothing changed', () => {
    const { set, shown, clock } = boardOf({ ...facts, status: 'connected' })
    set({ ...facts, status: 'connected', pending: 1 })
    set({ ...facts, status: 'connected' })
    clock.advance(1_000)
    expect(shown).toEqual([])
  })

  it('[HU17] shows how far a recovery is as a count, and how much was missed at once', () => {
    const { set, shown, clock } = boardOf({ ...facts, status: 'recovering', recovered: 0, missed: 5 })
    set({ ...facts, status: 'recovering', recovered: 3, missed: 5 })
    expect(shown).toEqual([])
    set({ ...facts, status: 'recovering', recovered: 3, missed: 9 })
    expect(shown).toHaveLength(1)
    expect(clock.running).toBe(0)
  })
})
