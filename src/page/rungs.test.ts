import { describe, expect, it } from 'vitest'
import type { HubStart } from './options.ts'
import { createRungs } from './rungs.ts'
import { TestPage } from './test-page.ts'

const NAME = `holdfast:${'S'.repeat(22)}:0`

function rungs({
  hasSharedWorker = true,
  shared = true,
  hub,
}: { hasSharedWorker?: boolean; shared?: boolean; hub?: (start: HubStart) => never } = {}) {
  return createRungs(Object.assign(new TestPage(), { hasSharedWorker }), { hub, hubUrl: undefined, shared })
}

describe('the choice of the rung', () => {
  it('[EL1] [EL2] is the SharedWorker, and where another one lives the rung of that one', () => {
    const choice = rungs()
    expect(choice.choose(null)).toBe('shared')
    expect(choice.choose('elected')).toBe('elected')
    // The hub was in a tab; nothing says that this has changed.
    expect(choice.choose(null)).toBe('elected')
    expect(choice.choose('shared')).toBe('shared')
  })

  it.each([{ hasSharedWorker: false }, { shared: false }])('[EL1] is the worker of a tab with %j, whatever lives', (how) => {
    const choice = rungs(how)
    for (const living of [null, 'shared', 'elected'] as const) expect(choice.choose(living)).toBe('elected')
    expect(choice.failed()).toBe(false)
    expect(choice.choose(null)).toBe('elected')
  })

  it('[EL2] a tab whose SharedWorker does not start takes the other rung at once, and stays there though others have one', () => {
    const choice = rungs()
    choice.choose(null)
    expect(choice.failed()).toBe(true)
    expect(choice.choose(null)).toBe('elected')
    expect(choice.choose('shared')).toBe('elected')
    // Neither starts: the first is tried again, after a pause.
    expect(choice.failed()).toBe(false)
    expect(choice.choose(null)).toBe('shared')
  })

  it('[EL2] three SharedWorkers without an answer count as one that does not start; an answer in between makes it begin anew', () => {
    const choice = rungs()
    choice.choose(null)
    choice.silent()
    choice.silent()
    choice.answered()
    choice.silent()
    choice.silent()
    expect(choice.choose(null)).toBe('shared')
    choice.silent()
    expect(choice.choose('shared')).toBe('elected')
  })

  it("[EL8] the app's own function is told which worker is wanted, and one of the other kind is refused", () => {
    const asked: HubStart[] = []
    const page = new TestPage()
    const shared = { port: {}, addEventListener: () => {} } as unknown as SharedWorker
    const choice = createRungs(page, { hub: (start) => (asked.push(start), shared), hubUrl: undefined, shared: true })
    expect(choice.start('shared', NAME)).toBe(shared)
    const own = choice.start('elected', NAME)
    const told: unknown[] = []
    own.addEventListener('error', (cause) => told.push(cause))
    expect(asked).toEqual([{ name: NAME, shared: true }])

    const wrong = createRungs(page, { hub: () => ({}) as Worker, hubUrl: undefined, shared: true })
    expect(() => wrong.start('shared', NAME)).toThrow('hub must give a SharedWorker when shared is true')
    const none = createRungs(page, { hub: () => undefined as unknown as Worker, hubUrl: undefined, shared: true })
    expect(() => none.start('shared', NAME)).toThrow('hub must give a SharedWorker')
    own.port.close()
  })

  it('[EL8] the same script is started on both rungs', async () => {
    const urls: unknown[] = []
    const page = Object.assign(new TestPage(), {
      startHub: (_name: string, url: unknown) => (urls.push(url), {}) as never,
      startWorker: (_name: string, url: unknown) => (urls.push(url), { addEventListener() {}, terminate() {} }),
    })
    const choice = createRungs(page, { hub: undefined, hubUrl: '/hub.js', shared: true })
    choice.start('shared', NAME)
    const elected = choice.start('elected', NAME)
    await page.locks.query()
    await page.locks.query()
    expect(urls).toEqual(['/hub.js', '/hub.js'])
    elected.port.close()
  })
})
