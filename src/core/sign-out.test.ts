import { describe, expect, it } from 'vitest'
import { CLOSE } from '../protocol/close-codes.ts'
import { createMachine } from './testing/machine.ts'

const closed = (code: number) => ({ type: 'closed', code }) as const

describe('signing out', () => {
  it('[SO3] says so to the server and sends nothing after it', () => {
    const machine = createMachine().identify()
    machine.take()
    machine.feed({ type: 'sign-out' })
    expect(machine.sent()).toEqual([{ type: 'sign_out' }])
    machine.append(1).raised().append(2).raised()
    expect(machine.sent()).toEqual([])
  })

  it('[SO3] hears what the server still acknowledges', () => {
    const machine = createMachine().identify().append(1).raised().feed({ type: 'sign-out' })
    const { id } = machine.state.outbox.entries[0] ?? { id: '' }
    machine.frame({ type: 'ack', hi: 1, stable: 1, id, outcomes: [] })
    expect(machine.state.outbox).toMatchObject({ acked: 1, entries: [] })
  })

  it('[SO3] ends at rest, without the session, when the server says that it ended it', () => {
    const machine = createMachine().identify().feed({ type: 'sign-out' }, closed(CLOSE.signedOut.code))
    expect(machine.state).toMatchObject({ phase: { name: 'resting' }, session: null })
    machine.take()
    machine.feed({ type: 'wake' }, { type: 'retry' }, { type: 'timer', timer: 'retry' })
    expect(machine.take()).toEqual([])
  })

  it('[SO3] any other end says nothing of the session', () => {
    const machine = createMachine().identify().feed({ type: 'sign-out' }, closed(1006))
    expect(machine.state.phase.name).toBe('waiting')
    expect(machine.state.session).not.toBeNull()
  })

  it('[SO3] [CN7] a session that was ended without being asked is refused until the user signs in', () => {
    expect(createMachine().identify().feed(closed(CLOSE.signedOut.code)).state.phase).toEqual({ name: 'refused', reason: 'auth' })
  })

  it('[SO3] [CN16] means nothing while there is no connection', () => {
    const machine = createMachine().feed({ type: 'start' })
    machine.take()
    expect(machine.feed({ type: 'sign-out' }).take()).toEqual([])
  })
})
