import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createLiveServer, type LiveServer } from './live-server.ts'
import { memoryEngine } from './engines/memory.ts'

const refusal = (message: string): unknown => expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(message) })

const ID = 'A'.repeat(22)

const servers: LiveServer[] = []

function start(): LiveServer {
  const live = createLiveServer()
  servers.push(live)
  return live
}

afterEach(async () => {
  for (const live of servers.splice(0)) await live.close({ drainMs: 0 })
})

describe('arguments of a live server', () => {
  it.each<[string, unknown, unknown]>([
    ['pat is not one of path', createServer(), { pat: '/live' }],
    ['path must be of type string, not number', createServer(), { path: 5 }],
    ['path must begin with /', createServer(), { path: 'live' }],
    ['path must be written as clients ask for it, /%C3%A9', createServer(), { path: '/é' }],
    ['path must be written as clients ask for it, /live', createServer(), { path: '/a/../live' }],
    ['options must be of type Object, not string', createServer(), '/live'],
    ['options must be of type Object, not Null', createServer(), null],
    ['server must be the HTTP or HTTPS server itself', 'x', undefined],
    ['server must be the HTTP or HTTPS server itself', undefined, undefined],
    ['server must be the HTTP or HTTPS server itself', Object.assign(() => {}, { on() {}, listenerCount: () => 0 }), undefined],
    ['server must be the HTTP or HTTPS server itself', createTcpServer(), undefined],
  ])('[TB19] attach refuses: %s', (message, server, options) => {
    expect(() => start().attach(server as never, options as never)).toThrow(refusal(message))
  })

  it.each<[string, (live: LiveServer) => Promise<void>]>([
    ['of.reason is not one of session', (live) => live.disconnect({ session: ID, reason: 'forbidden' } as never)],
    ['of.user is not one of session', (live) => live.disconnect({ session: ID, user: 'ada' } as never)],
    ['disconnect takes no more than 2 arguments', (live) => live.disconnect(...(['ada', 'forbidden', 1] as never as ['ada']))],
    ['unsubscribe takes no more than 2 arguments', (live) => live.unsubscribe(...(['ada', 'a', 1] as never as ['ada', 'a']))],
    ['revoke takes no more than 1 argument', (live) => live.revoke(...(['ada', 'forbidden'] as never as ['ada']))],
  ])('[TB19] [RT1] the end of a right refuses: %s', async (message, call) => {
    await expect(call(start())).rejects.toEqual(refusal(message))
  })

  it.each<[string, unknown]>([
    ['drain is not one of drainMs', { drain: 5 }],
    ['drainMs must be of type number, not string', { drainMs: '5' }],
    ['drainMs must be a whole number from 0, not -1', { drainMs: -1 }],
    ['options must be of type Object, not Null', null],
  ])('[TB19] close refuses, and closes nothing: %s', async (message, options) => {
    const live = start()
    await expect(live.close(options as never)).rejects.toEqual(refusal(message))
    await expect(live.publish('a', 1)).resolves.toMatchObject({ offset: 1 })
  })

  it.each<[string, unknown]>([
    ['options must be of type Object, not Null', null],
    ['options must be of type Object, not Array', []],
    ['options.authentificate is not one of authenticate,', { authentificate: () => null }],
    ['options.authenticate must be of type function, not boolean', { authenticate: true }],
    ['limits must be of type Object, not Array', { limits: [] }],
    ['limits.frames is not one of frameBytes,', { limits: { frames: 1 } }],
    ['limits.sendWindow must be a whole number from 1 to 20000, not 0', { limits: { sendWindow: 0 } }],
    ["without a wildcard, not 'https://*.example.com'", { allowedOrigins: ['https://*.example.com'] }],
    ["without a wildcard, not 'wss://app.example.com'", { allowedOrigins: ['wss://app.example.com'] }],
  ])('[TB19] createLiveServer refuses, naming what came and what is expected: %s', (message, options) => {
    expect(() => createLiveServer(options as never)).toThrow(refusal(message))
  })

  it.each<[string, unknown]>([
    ['maxChanels is not one of maxChannels', { maxChanels: 5 }],
    ['maxChannels must be of type number, not string', { maxChannels: '5' }],
    ['maxChannels must be a whole number from 1, not 0', { maxChannels: 0 }],
    ['options must be of type Object, not Null', null],
  ])('[TB19] memoryEngine refuses: %s', (message, options) => {
    expect(() => memoryEngine(options as never)).toThrow(refusal(message))
  })
})
