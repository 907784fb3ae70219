import { describe, expect, it } from 'vitest'
import type { FlushEnd } from './flush-outbox.ts'
import { createFlusher } from './flush-once.ts'

describe('flushes of one service worker', () => {
  it('[SW14] runs one flush of a scope at a time, and gives its outcome to everybody who asked meanwhile', async () => {
    const ends: ((end: FlushEnd) => void)[] = []
    const scopes: string[] = []
    const flush = createFlusher((scope) => {
      scopes.push(scope)
      return new Promise((resolve) => ends.push(resolve))
    })
    const first = flush('a')
    const second = flush('a')
    const other = flush('b')
    expect(scopes).toEqual(['a', 'b'])
    ends[0]?.({ end: 'again', why: 'no-answer' })
    ends[1]?.({ end: 'sent', why: 'all' })
    await expect(first).rejects.toThrow('no-answer')
    await expect(second).rejects.toThrow('no-answer')
    await expect(other).resolves.toBeUndefined()
    const third = flush('a')
    expect(scopes).toEqual(['a', 'b', 'a'])
    ends[2]?.({ end: 'sent', why: 'all' })
    await expect(third).resolves.toBeUndefined()
  })

  it('[SW12] has the browser try again only where another try may help', async () => {
    const flush = (end: FlushEnd['end']): Promise<void> => createFlusher(() => Promise.resolve({ end, why: 'why' }))('a')
    await expect(flush('sent')).resolves.toBeUndefined()
    await expect(flush('tab')).resolves.toBeUndefined()
    await expect(flush('again')).rejects.toThrow('why')
  })
})
