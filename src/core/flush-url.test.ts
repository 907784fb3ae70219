import { describe, expect, it } from 'vitest'
import { flushUrl } from './flush-url.ts'
import { createHost } from './testing/host.ts'
import { settings, welcome } from './testing/frames.ts'
import { createStoreDouble } from './testing/store-double.ts'

describe('what a worker needs to send by POST', () => {
  it.each([
    ['wss://app.test/live', 'https://app.test/live/outbox'],
    ['ws://127.0.0.1:8080/live', 'http://127.0.0.1:8080/live/outbox'],
    ['wss://app.test/', 'https://app.test/outbox'],
    ['wss://app.test/live?key=SECRET', 'https://app.test/live/outbox'],
    ['wss://wss.test/ws/wss?a=/outbox', 'https://wss.test/ws/wss/outbox'],
  ])('[OB30] the endpoint of %s is %s', (socket, endpoint) => expect(flushUrl(socket)).toBe(endpoint))

  it('[OB30] is stored with the identity, for the user of the scope, and gone when the server gives none', async () => {
    const store = createStoreDouble()
    const host = createHost({ store, settings: { ...settings(), url: 'wss://app.test/live?key=SECRET' } })
    host.runtime.dispatch({ type: 'start' })
    await host.answer(welcome({ outboxToken: 'a.b' }))
    expect(store.identity?.flush).toEqual({
      url: 'https://app.test/live/outbox',
      token: 'a.b',
      user: 'ada',
      frameBytes: welcome().limits.frameBytes,
    })
    host.sockets.last().listener.closed(1006)
    host.clock.advance(1_000)
    await host.answer(welcome())
    expect(store.identity?.flush).toBeNull()
  })
})
