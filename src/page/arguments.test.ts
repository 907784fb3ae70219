import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectOn, type Connections } from './connect.ts'
import type { Connection } from './connection-api.ts'
import { settled, TestPage } from './test-page.ts'

let page: TestPage
let open: Connections
let connection: Connection

beforeEach(async () => {
  page = new TestPage()
  open = new Map()
  connection = connectOn(page, open, { url: '/live' })
  await settled()
})

afterEach(async () => {
  for (const { shared } of open.values()) shared.connection.close()
  await settled()
  page.end()
})

const refusal = (message: string): unknown => expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(message) })

describe('arguments of a connection', () => {
  it.each<[string, unknown]>([
    ['parked is not one of park', { parked: true }],
    ['park must be of type boolean, not string', { park: 'yes' }],
    ['options must be of type Object, not Null', null],
    ['options must be of type Object, not boolean', true],
    ['options must be of type Object, not Promise', Promise.resolve({ park: true })],
    ['options must be of type Object, not Array', [true]],
  ])('[TB19] [SO3] sign out refuses what it is not told by before it asks the hub: %s', async (message, options) => {
    await expect(connection.signOut(options as never)).rejects.toEqual(refusal(message))
    await settled()
    expect(page.hub.said('signOut')).toEqual([])
    expect(connection.state.current.status).not.toBe('closed')
  })

  it('[TB19] [SO3] sign out honours an option that is inherited', async () => {
    page.hub.answers = { signOut: () => Promise.resolve({ ok: true, value: { discarded: 0, serverTold: true } }) }
    await connection.signOut(Object.create({ park: true }) as object)
    expect(page.hub.said('signOut')).toEqual([true])
  })

  it.each<[string, unknown]>([
    ['handlers.mesage is not one of snapshot, message, reset, recovered, refused', { mesage() {} }],
    ['handlers.message must be of type function, not number', { message: 5 }],
    ['handlers.message must be of type function, not Null', { message: null }],
    ['handlers must be of type Object, not function', () => {}],
    ['handlers must be of type Object, not undefined', undefined],
    ['handlers must be of type Object, not Map', new Map([['message', () => {}]])],
  ])('[TB19] [TB14] subscribe refuses handlers that would never be called, and tells the hub of nothing: %s', async (message, handlers) => {
    const signal = AbortSignal.abort()
    expect(() => connection.channel('a').subscribe(handlers as never)).toThrow(refusal(message))
    expect(() => connection.user.subscribe(handlers as never, { signal })).toThrow(refusal(message))
    await settled()
    expect(page.hub.said('subscribe')).toEqual([])
  })

  it('[TB19] subscribe takes handlers that a class declares', () => {
    class Chat {
      message(): void {}
    }
    expect(() => connection.channel('a').subscribe(new Chat())).not.toThrow()
  })

  it.each<[string, unknown]>([
    ['signl is not one of signal', { signl: new AbortController().signal }],
    ['signal must be of type AbortSignal, not AbortController', { signal: new AbortController() }],
    ['options must be of type Object, not AbortSignal', new AbortController().signal],
  ])('[TB19] a way to stop is taken or refused: %s', (message, how) => {
    expect(() => connection.channel('a').subscribe({}, how as never)).toThrow(refusal(message))
    expect(() => connection.on('error', () => {}, how as never)).toThrow(refusal(message))
  })

  it.each<[string, string, unknown]>([
    ['events.outboxrestarted is not one of outboxRestarted, storageLost, signedOut, error', 'outboxrestarted', () => {}],
    ['events.constructor is not one of', 'constructor', () => {}],
    ['listener must be of type function, not undefined', 'error', undefined],
    ['listener must be of type function, not Object', 'signedOut', { handleEvent() {} }],
  ])('[TB19] on refuses names and listeners that are none: %s', (message, name, listener) => {
    expect(() => connection.on(name as never, listener as never)).toThrow(refusal(message))
    expect(() => connection.on(name as never, listener as never, { signal: AbortSignal.abort() })).toThrow(refusal(message))
  })

  it('[TB19] every live value refuses a listener that is none', () => {
    const sent = connection.channel('a').send(1)
    for (const { subscribe } of [connection.state, connection.outbox, sent]) {
      expect(() => subscribe(undefined as never)).toThrow(refusal('listener must be of type function'))
    }
  })

  it.each<[string, unknown]>([
    ['durabel is not one of durable', { durabel: false }],
    ['durable must be of type boolean, not string', { durable: 'no' }],
    ['options must be of type Object, not Null', null],
  ])('[TB19] send refuses options, and sends nothing: %s', async (message, options) => {
    expect(() => connection.channel('a').send(1, options as never)).toThrow(refusal(message))
    await settled()
    expect(page.hub.taken).toEqual([])
  })

  it.each(['nope', '', 5, undefined, null])(
    '[TB13] what is no id of a message is not found, and keeps nothing else from the hub: %s',
    async (id) => {
      const { outbox } = connection
      const sent = connection.channel('a').send('x')
      const notFound = expect.objectContaining({ code: 'not-found' })
      await expect(outbox.retry(id as never).queued).rejects.toEqual(notFound)
      await expect(outbox.cancel(id as never)).rejects.toEqual(notFound)
      await expect(outbox.discard(id as never)).rejects.toEqual(notFound)
      await sent.queued
      expect([...page.hub.said('cancel'), ...page.hub.said('discard')]).toEqual([])
    },
  )
})
