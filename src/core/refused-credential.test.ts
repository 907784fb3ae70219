import { describe, expect, it } from 'vitest'
import { CLOSE } from '../protocol/close-codes.ts'
import type { CoreEvent } from './events.ts'
import { createMachine, type Machine } from './testing/machine.ts'

const gives = (credential: string | null): CoreEvent => ({ type: 'credential', credential })
const asks = (machine: Machine): number => machine.take().filter(({ type }) => type === 'ask-credential').length

/** A machine whose credential `old` was refused. */
function refused(): Machine {
  const machine = createMachine().feed(
    { type: 'start' },
    gives('old'),
    { type: 'opened' },
    { type: 'closed', code: CLOSE.unauthenticated.code },
  )
  machine.take()
  return machine
}

describe('a credential that was refused', () => {
  it('[SO9] is not tried again, however often somebody comes back', () => {
    const machine = refused()
    for (let round = 0; round < 100; round++) {
      machine.feed({ type: 'wake' })
      expect(asks(machine)).toBe(1)
      machine.feed(gives('old'))
      expect(machine.state.phase).toEqual({ name: 'refused', reason: 'auth' })
      expect(machine.take()).toEqual([])
    }
  })

  it('[SO9] is followed by a try as soon as another one is given, without asking twice', () => {
    const machine = refused().feed({ type: 'wake' }, gives('new'))
    const effects = machine.take()
    expect(effects.filter(({ type }) => type === 'ask-credential' || type === 'open').map(({ type }) => type)).toEqual([
      'ask-credential',
      'open',
    ])
    machine.feed({ type: 'opened' })
    expect(machine.take()).toContainEqual({ type: 'hello', hello: expect.objectContaining({ credential: 'new' }) as unknown })
  })

  it('[SO9] [CN6] is followed by no more tries than the limit allows, though every answer is another one', () => {
    const machine = refused()
    let opened = 0
    for (let round = 0; round < 100; round++) {
      machine.feed({ type: 'wake' }, gives(`new-${round}`))
      if (machine.take().some(({ type }) => type === 'open')) opened++
      machine.feed({ type: 'opened' }, { type: 'closed', code: CLOSE.unauthenticated.code })
    }
    expect(opened).toBe(9)
    expect(machine.state.phase.name).toBe('waiting')
  })

  it('[CN7] [CN2] is no failure: the first one after it is waited for as the first', () => {
    const machine = refused()
    for (let round = 0; round < 3; round++)
      machine.feed({ type: 'wake' }, gives(`new-${round}`), { type: 'opened' }, { type: 'closed', code: CLOSE.unauthenticated.code })
    machine.feed({ type: 'wake' }, gives('newest'), { type: 'closed', code: 1006 })
    const { nowMs: now, state } = machine
    expect(state.phase).toEqual({
      name: 'waiting',
      retryAtMs: now + state.settings.reconnect.baseDelayMs,
      reason: 'unreachable',
      closeCode: 1006,
    })
  })

  it('[SO9] is asked about once at a time, and again after nobody answered', () => {
    const machine = refused().feed({ type: 'wake' }, { type: 'wake' }, { type: 'wake' })
    expect(asks(machine)).toBe(1)
    machine.feed({ type: 'no-credential' })
    expect(machine.state.phase).toEqual({ name: 'refused', reason: 'auth' })
    expect(asks(machine.feed({ type: 'wake' }))).toBe(1)
  })

  it('[SO9] [CN15] an answer that nobody waits for changes nothing', () => {
    const machine = refused().feed(gives('new'))
    expect(machine.take()).toEqual([])
    expect(machine.state.phase).toEqual({ name: 'refused', reason: 'auth' })
  })
})
