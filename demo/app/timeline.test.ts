import { describe, expect, it } from 'vitest'
import { restartLine, wordsFor } from './connection-words.ts'
import { addHappening } from './timeline.ts'

describe('timeline', () => {
  it('what happened last comes first, under an id of its own', () => {
    const timeline = addHappening(addHappening([], 'calm', 'one', 1), 'calm', 'two', 2)
    expect(timeline.map(({ id, text }) => [id, text])).toEqual([
      [2, 'two'],
      [1, 'one'],
    ])
  })

  it('the same again is counted in its place', () => {
    const once = addHappening([], 'warn', 'one', 1)
    expect(addHappening(once, 'warn', 'one', 5)).toEqual([{ id: 1, atMs: 5, kind: 'warn', text: 'one', times: 2 }])
    expect(addHappening(once, 'bad', 'one', 5)).toHaveLength(2)
  })

  it('the oldest go when there are too many', () => {
    let timeline = addHappening([], 'calm', '0', 0)
    for (let at = 1; at < 150; at++) timeline = addHappening(timeline, 'calm', String(at), at)
    expect(timeline).toHaveLength(100)
    expect(timeline[99]?.text).toBe('50')
  })
})

describe('words', () => {
  const facts = { pending: 0, durable: true, shared: true }

  it('a wait has the same words at every try', () => {
    const wait = { ...facts, status: 'waiting', reason: 'unreachable', retryAtMs: 1 } as const
    expect(wordsFor({ ...wait, attempt: 1 })).toEqual(wordsFor({ ...wait, attempt: 9, retryAtMs: 9 }))
  })

  it('a restart of the outbox says what is in doubt, and when nothing is', () => {
    expect(restartLine('ledger', 1, 2)).toBe(
      'Outbox restarted, as the server lost its memory: 1 message may repeat, 2 messages may be lost',
    )
    expect(restartLine('cloned', 0, 0)).toMatch(/nothing is in doubt$/)
  })
})
