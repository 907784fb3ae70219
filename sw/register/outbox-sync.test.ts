import { describe, expect, it } from 'vitest'
import type { ConnectionState } from '../../src/page/index.ts'
import { createLiveValue } from '../../src/page/live-value.ts'
import { keepSyncRegistered } from './outbox-sync.ts'

const SCOPE = 'S'.repeat(22)
const facts = { durable: true, shared: true } as const
const waiting = (pending: number): ConnectionState => ({
  ...facts,
  pending,
  status: 'waiting',
  attempt: 1,
  retryAtMs: 0,
  reason: 'unreachable',
})
const connected = (pending: number): ConnectionState => ({ ...facts, pending, status: 'connected' })

function openPage({ isReady = true, hasSync = true } = {}) {
  const state = createLiveValue<ConnectionState>({ ...facts, pending: 0, status: 'connecting' }, () => {})
  const tags: string[] = []
  const errors: unknown[] = []
  let ready = (): void => {}
  let hide = (): void => {}
  let failure: Error | null = null
  const stop = keepSyncRegistered(
    { state, scope: () => Promise.resolve(SCOPE) },
    {
      register: () =>
        isReady && hasSync
          ? (tag) => {
              tags.push(tag)
              return failure ? Promise.reject(failure) : Promise.resolve()
            }
          : null,
      onReady: (listener) => (ready = listener),
      onPageHide(listener) {
        hide = listener
        return () => (hide = () => {})
      },
      failed: (error) => errors.push(error),
    },
  )
  return {
    state,
    tags,
    errors,
    stop,
    becomeReady() {
      isReady = true
      ready()
    },
    hide: () => hide(),
    fail: (error: Error) => (failure = error),
    settle: () => new Promise<void>((resolve) => setImmediate(resolve)),
  }
}

describe('asking for a sync', () => {
  it('[SW5] asks once when messages wait without a connection, and anew after the next outage', async () => {
    const page = openPage()
    await page.settle()
    expect(page.tags).toEqual([])
    page.state.set(waiting(0))
    expect(page.tags).toEqual([])
    page.state.set(waiting(1))
    page.state.set({ ...facts, pending: 1, status: 'connecting' })
    page.state.set(waiting(2))
    expect(page.tags).toEqual([`holdfast:${SCOPE}`])
    page.state.set(connected(0))
    page.state.set(waiting(1))
    expect(page.tags).toHaveLength(2)
  })

  it('[SW5] asks on pagehide while any message waits, connected or not, and not without one', async () => {
    const page = openPage()
    await page.settle()
    page.state.set(connected(0))
    page.hide()
    expect(page.tags).toEqual([])
    page.state.set(connected(3))
    expect(page.tags).toEqual([])
    page.hide()
    expect(page.tags).toEqual([`holdfast:${SCOPE}`])
    page.state.set(waiting(3))
    page.hide()
    expect(page.tags).toHaveLength(3)
  })

  it('[SW5] asks when the service worker is ready, if messages waited before', async () => {
    const page = openPage({ isReady: false })
    await page.settle()
    page.state.set(waiting(1))
    page.hide()
    expect(page.tags).toEqual([])
    page.becomeReady()
    expect(page.tags).toHaveLength(1)
  })

  it('[SW5] asks nothing where the browser has no Background Sync', async () => {
    const page = openPage({ hasSync: false })
    await page.settle()
    page.state.set(waiting(1))
    page.hide()
    page.becomeReady()
    expect([page.tags, page.errors]).toEqual([[], []])
  })

  it('[SW5] tells when the browser refuses', async () => {
    const page = openPage()
    await page.settle()
    const refused = new Error('the user has switched background sync off')
    page.fail(refused)
    page.state.set(waiting(1))
    await page.settle()
    expect(page.errors).toEqual([refused])
  })

  it('[SW5] asks nothing any more when it was stopped', async () => {
    const page = openPage()
    await page.settle()
    page.stop()
    page.state.set(waiting(1))
    page.hide()
    expect(page.tags).toEqual([])
  })
})
