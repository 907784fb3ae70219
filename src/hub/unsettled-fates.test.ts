import { describe, expect, it } from 'vitest'
import { emptyOutbox } from '../core/outbox.ts'
import type { Fate, OutboxEntry, ParkedMessage } from '../core/ports.ts'
import { initialState } from '../core/state.ts'
import { CLIENT, SENDER, entry, id, settings } from '../core/testing/frames.ts'
import { unsettledFates } from './unsettled-fates.ts'

const applied = (name: string): Fate => ({ id: id(name), fate: 'applied' })

interface Known {
  readonly recorded?: readonly Fate[]
  readonly decided?: readonly (Fate | null)[]
  readonly entries?: readonly OutboxEntry[]
  readonly parked?: readonly ParkedMessage[]
}

function fatesOf(name: string, { recorded = [], decided = [], entries = [], parked = [] }: Known): readonly Fate[] {
  const state = { ...initialState(settings(), null, { ...emptyOutbox(CLIENT, SENDER), entries }), decided }
  return unsettledFates([id(name)], recorded, { state, parked: new Map(parked.map((one) => [one.id, one])) })
}

const aside = (fate: ParkedMessage['fate']): ParkedMessage => ({
  id: id('a'),
  channel: 'agents',
  json: '1',
  atMs: 1,
  fate,
  reason: 'too long',
})

describe('the fates of messages a tab still waits for', () => {
  it.each<[string, Known, Fate]>([
    ['recorded', { recorded: [applied('a')] }, applied('a')],
    ['committed but not stable', { decided: [null, applied('a')], entries: [entry(1, 'a')] }, applied('a')],
    ['rejected long ago', { parked: [aside('rejected')] }, { id: id('a'), fate: 'rejected', reason: 'rejected', message: 'too long' }],
    ['expired long ago', { parked: [aside('expired')] }, { id: id('a'), fate: 'expired' }],
    ['a tombstone', { entries: [{ ...entry(1, 'a'), skip: 'cancelled' }] }, { id: id('a'), fate: 'cancelled' }],
  ])('[HU10] are told when %s', (_what, known, fate) => {
    expect(fatesOf('a', known)).toEqual([fate])
  })

  it('[HU10] [I39] are "may have been applied" of what was set aside as that, and not a rejection', () => {
    expect(fatesOf('a', { parked: [{ ...aside('rejected'), reason: 'may-repeat' }] })).toMatchObject([
      { fate: 'rejected', reason: 'may-repeat' },
    ])
  })

  it('[HU10] are not told of what the outbox still holds, nor of what others wait for', () => {
    expect(fatesOf('a', { entries: [entry(1, 'a')], recorded: [applied('b')], decided: [applied('c')] })).toEqual([])
  })

  it('[HU10] [I32] are "may have been applied" when nobody knows any more', () => {
    expect(fatesOf('a', {})).toMatchObject([{ id: id('a'), fate: 'rejected', reason: 'may-repeat' }])
  })
})
