import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PrivateLocks } from '../src/bridge/private-locks.ts'
import { MessagesLeft } from './send-once.ts'
import { sendOutboxOnSync } from './send-outbox-on-sync.ts'
import { syncTag } from './sync-tag.ts'

const SCOPE = 'S'.repeat(22)

/** Dispatches an event as a browser does that gives a service worker no storage. */
function dispatch(type: string, event: object): void {
  for (const listener of listeners.get(type) ?? []) listener(event)
}
const listeners = new Map<string, ((event: object) => void)[]>()

/** What one `sync` event was made to wait for. */
function sync(lastChance: boolean, tag = syncTag(SCOPE)): Promise<unknown>[] {
  const waits: Promise<unknown>[] = []
  dispatch('sync', { tag, lastChance, waitUntil: (wait: Promise<unknown>) => void waits.push(wait) })
  return waits
}

describe('the sync event of a service worker', () => {
  beforeEach(() => {
    listeners.clear()
    for (const level of ['error', 'info'] as const) vi.spyOn(console, level).mockImplementation(() => {})
    vi.stubGlobal('self', {
      addEventListener: (type: string, listener: (event: object) => void) =>
        listeners.set(type, [...(listeners.get(type) ?? []), listener]),
    })
    vi.stubGlobal('navigator', { locks: new PrivateLocks() })
    sendOutboxOnSync()
  })

  afterEach(() => {
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
  })

  it('[SW12] fails when messages may be left, unless there is no other one to come', async () => {
    const [wait] = sync(false)
    await expect(wait).rejects.toBeInstanceOf(MessagesLeft)
    const [last] = sync(true)
    await expect(last).resolves.toBeUndefined()
  })

  it('[SW12] calls what it fails with no uncaught error, and hides no other', () => {
    const isHidden = (reason: unknown): boolean => {
      let prevented = false
      dispatch('unhandledrejection', { reason, preventDefault: () => (prevented = true) })
      return prevented
    }
    expect([isHidden(new MessagesLeft('hub')), isHidden(new Error('the app has failed')), isHidden(undefined)]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('[SW5] is none of its business under the tag of somebody else', () => {
    expect(sync(false, 'the-apps-own')).toEqual([])
    expect(sync(false, 'holdfast:short')).toEqual([])
  })

  it('[SW15] begins nothing any more once an update was accepted', async () => {
    dispatch('message', { data: 'holdfast:leave' })
    await expect(sync(false)[0]).rejects.toThrow('update')
  })
})
