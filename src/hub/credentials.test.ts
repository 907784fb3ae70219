import { describe, expect, it } from 'vitest'
import type { Result } from '../bridge/contract.ts'
import { askCredential } from './credentials.ts'
import { createFakeClock } from '../core/testing/fake-clock.ts'
import type { TabSession } from './tab-session.ts'

const failed: Result<string | null> = { ok: false, error: { code: 'hub-timeout', message: '' } }
const gives = (value: string | null): Result<string | null> => ({ ok: true, value })
const asked: string[] = []

function tab(name: string, answer: Result<string | null>, { visible = true, suspended = false, canAuthenticate = true } = {}): TabSession {
  const credential = (): Promise<Result<string | null>> => {
    asked.push(name)
    return Promise.resolve(answer)
  }
  return { visible, suspended, canAuthenticate, credential } as unknown as TabSession
}

async function ask(...tabs: TabSession[]): Promise<{ readonly given: string | null | 'thrown'; readonly asked: readonly string[] }> {
  asked.length = 0
  const given = await askCredential(tabs, createFakeClock()).catch(() => 'thrown' as const)
  return { given, asked: [...asked] }
}

describe('asking for a credential', () => {
  it('[HU14] asks visible tabs first and stops at the first answer', async () => {
    expect(await ask(tab('hidden', gives('h'), { visible: false }), tab('seen', gives('s')), tab('other', gives('o')))).toEqual({
      given: 's',
      asked: ['seen'],
    })
  })

  it('[HU14] goes on to the next tab when one gives none', async () => {
    expect(await ask(tab('hidden', gives('h'), { visible: false }), tab('seen', failed))).toEqual({ given: 'h', asked: ['seen', 'hidden'] })
  })

  it('[HU14] takes `null` of an app for its answer', async () => {
    expect(await ask(tab('one', gives(null)), tab('two', gives('t')))).toEqual({ given: null, asked: ['one'] })
  })

  it('[HU14] gives `null` when no tab can be asked', async () => {
    expect(await ask(tab('one', failed, { canAuthenticate: false }))).toEqual({ given: null, asked: [] })
  })

  it('[HU14] does not ask a suspended tab', async () => {
    expect(await ask(tab('frozen', gives('f'), { suspended: true }))).toEqual({ given: 'thrown', asked: [] })
  })

  it('[HU14] throws when there is no tab, or none answers', async () => {
    expect(await ask()).toEqual({ given: 'thrown', asked: [] })
    expect(await ask(tab('one', failed))).toEqual({ given: 'thrown', asked: ['one'] })
  })

  describe('a tab that says nothing', () => {
    const flushed = async (): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    }

    /** A tab that answers when it is told to. */
    function slowTab(
      name: string,
      how: { visible?: boolean } = {},
    ): { readonly tab: TabSession; answer(given: Result<string | null>): void } {
      let answer = (_given: Result<string | null>): void => {}
      const made = tab(name, failed, how)
      made.credential = () => {
        asked.push(name)
        return new Promise((resolve) => (answer = resolve))
      }
      return { tab: made, answer: (given) => answer(given) }
    }

    it('[HU14] is waited for one second before the next is asked as well, and none is asked after the first answer', async () => {
      asked.length = 0
      const clock = createFakeClock()
      const given = askCredential([slowTab('alert').tab, tab('free', gives('f'), { visible: false }), tab('third', gives('t'))], clock)
      clock.advance(999)
      await flushed()
      expect(asked).toEqual(['alert'])
      clock.advance(1)
      expect(await given).toBe('t')
      expect(asked).toEqual(['alert', 'third'])
      expect(clock.running).toBe(0)
    })

    it('[HU14] is heard all the same when it answers first', async () => {
      asked.length = 0
      const clock = createFakeClock()
      const [one, other] = [slowTab('one'), slowTab('other')]
      const given = askCredential([one.tab, other.tab, tab('third', gives('t'))], clock)
      clock.advance(1_000)
      one.answer(gives('late'))
      expect(await given).toBe('late')
      other.answer(failed)
      await flushed()
      clock.advance(60_000)
      expect(asked).toEqual(['one', 'other'])
    })

    it('[HU14] does not keep one that comes meanwhile from being asked', async () => {
      asked.length = 0
      const clock = createFakeClock()
      const tabs = new Set([slowTab('alert').tab])
      const given = askCredential(tabs, clock)
      clock.advance(3_500)
      tabs.add(tab('new', gives('n')))
      clock.advance(500)
      expect(await given).toBe('n')
    })

    it('[HU14] ends the question when it fails and nobody else is there', async () => {
      const clock = createFakeClock()
      const stuck = slowTab('alert')
      const given = askCredential([stuck.tab], clock).catch(({ code }: { code: string }) => code)
      clock.advance(10_000)
      stuck.answer(failed)
      expect(await given).toBe('unauthenticated')
      expect(clock.running).toBe(0)
    })
  })
})
