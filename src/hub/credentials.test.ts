import { describe, expect, it } from 'vitest'
import type { Result } from '../bridge/contract.ts'
import { askCredential } from './credentials.ts'
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
  const given = await askCredential(tabs).catch(() => 'thrown' as const)
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
})
