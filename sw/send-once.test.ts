import { describe, expect, it } from 'vitest'
import type { SendOnlyEnd } from '../src/core/state.ts'
import { createSender, MessagesLeft } from './send-once.ts'

describe('events of one service worker', () => {
  it('[SW14] one at a time is worked at for a scope, and its outcome is given to everybody who asked meanwhile', async () => {
    const ends: ((end: SendOnlyEnd) => void)[] = []
    const scopes: string[] = []
    const send = createSender((scope) => {
      scopes.push(scope)
      return new Promise((resolve) => ends.push(resolve))
    })
    const first = send('a')
    const second = send('a')
    const other = send('b')
    expect(scopes).toEqual(['a', 'b'])
    ends[0]?.({ end: 'again', why: 'unreachable' })
    ends[1]?.({ end: 'sent', why: 'all' })
    await expect(first).rejects.toThrow('unreachable')
    await expect(second).rejects.toBeInstanceOf(MessagesLeft)
    await expect(other).resolves.toBeUndefined()
    const third = send('a')
    expect(scopes).toEqual(['a', 'b', 'a'])
    ends[2]?.({ end: 'sent', why: 'all' })
    await expect(third).resolves.toBeUndefined()
  })

  it('[SW12] has the browser try again only where another try may help', async () => {
    const send = (end: SendOnlyEnd['end']): Promise<void> => createSender(() => Promise.resolve({ end, why: 'why' }))('a')
    await expect(send('sent')).resolves.toBeUndefined()
    await expect(send('tab')).resolves.toBeUndefined()
    await expect(send('again')).rejects.toThrow('why')
  })
})
