import { describe, expect, it } from 'vitest'
import { createFateDesk } from './fate-desk.ts'
import type { FateNews, TabSession } from './tab-session.ts'

function tab(): TabSession & { readonly told: FateNews[] } {
  const told: FateNews[] = []
  return { told, tellFates: (fates: readonly FateNews[]) => void told.push(...fates) } as unknown as TabSession & {
    readonly told: FateNews[]
  }
}

const applied = (id: string): FateNews => ({ id, fate: 'applied' })

describe('the fate desk', () => {
  it('[HU10] tells a fate to the tab that sent the message and to nobody else', () => {
    const desk = createFateDesk()
    const [one, two] = [tab(), tab()]
    desk.claim(one, ['a'])
    desk.claim(two, ['b'])
    desk.tell([applied('a'), applied('b'), applied('c')])
    expect(one.told).toEqual([applied('a')])
    expect(two.told).toEqual([applied('b')])
  })

  it('[HU10] goes on after `sent` and ends with a final fate', () => {
    const desk = createFateDesk()
    const one = tab()
    desk.claim(one, ['a'])
    desk.tell([{ id: 'a', fate: 'sent' }])
    desk.tell([applied('a')])
    desk.tell([applied('a')])
    expect(one.told).toEqual([{ id: 'a', fate: 'sent' }, applied('a')])
  })

  it('[HU10] [I32] forgets the claim of one tab and keeps that of another, whichever came last', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const desk = createFateDesk()
      const tabs = [tab(), tab()] as const
      for (const at of order) desk.claim(tabs[at], ['a'])
      desk.forget(tabs[0])
      desk.tell([applied('a')])
      expect(tabs[0].told).toEqual([])
      expect(tabs[1].told).toEqual([applied('a')])
    }
  })

  it('[HU10] [I32] a call that failed late does not take away what a later call of the same tab has queued', () => {
    const desk = createFateDesk()
    const one = tab()
    desk.claim(one, ['a'])
    desk.claim(one, ['a'])
    desk.release(one, ['a'])
    desk.tell([applied('a')])
    expect(one.told).toEqual([applied('a')])
    desk.claim(one, ['a'])
    desk.close(['a'])
    desk.tell([applied('a')])
    expect(one.told).toHaveLength(1)
  })

  it('[HU10] keeps nothing of a tab that is gone or of a message that was not queued', () => {
    const desk = createFateDesk()
    const one = tab()
    desk.claim(one, ['a', 'b'])
    desk.release(one, ['a'])
    desk.tell([applied('a')])
    desk.forget(one)
    desk.tell([applied('b')])
    expect(one.told).toEqual([])
  })
})
