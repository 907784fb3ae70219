import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { flushOutbox, type FlushEnd } from './flush-outbox.ts'
import { postOutbox } from './post-outbox.ts'
import { createFlushWorld, flushed, idOf, MAX_AGE_MS, SCOPE, type FlushWorld } from './testing/flush-world.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const taken = JSON.stringify(flushed())

describe('an outbox that is posted', () => {
  let answer: (response: ServerResponse) => unknown
  let asked: IncomingMessage[]
  let url: string
  const server = createServer((request, response) => {
    asked.push(request)
    if (request.url === '/live/outbox') answer(response)
    else response.writeHead(200, JSON_TYPE).end(taken)
  })

  beforeEach(async () => {
    asked = []
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/live/outbox`
  })

  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  /** Sends two messages, and tells what is left of them. */
  async function sendTwo(): Promise<[FlushEnd, FlushWorld]> {
    const world = createFlushWorld((_, text, signal) => postOutbox(url, 'T'.repeat(43), text, signal))
    await world.queue([{}, {}])
    return [await flushOutbox(world.ports, SCOPE, MAX_AGE_MS, new AbortController().signal), world]
  }

  it('(X5) (SEC19) [SW8] goes as JSON, with its token in the header alone, and is settled by a typed answer', async () => {
    answer = (response) => response.writeHead(200, JSON_TYPE).end(taken)
    const [end, world] = await sendTwo()
    expect([end, world.left()]).toEqual([{ end: 'sent', why: 'all' }, []])
    expect(asked).toMatchObject([
      { method: 'POST', url: '/live/outbox', headers: { ...JSON_TYPE, authorization: `Bearer ${'T'.repeat(43)}` } },
    ])
    expect(asked[0]?.headers.cookie).toBeUndefined()
  })

  it.each<[string, (response: ServerResponse) => unknown]>([
    ['200 and a page', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>sign in</html>')],
    ['200 and a page that looks like an answer', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(taken)],
    ['200 and nothing', (response) => response.writeHead(200).end()],
    ['200 and nothing that claims to be JSON', (response) => response.writeHead(200, JSON_TYPE).end()],
    ['200 and JSON of another shape', (response) => response.writeHead(200, JSON_TYPE).end('{"ok":true}')],
    ['200 and half an answer', (response) => response.writeHead(200, JSON_TYPE).end(taken.slice(0, 40))],
    ['204', (response) => response.writeHead(204).end()],
    ['302 to something that answers', (response) => response.writeHead(302, { location: '/sign-in' }).end()],
    ['307 to something that answers', (response) => response.writeHead(307, { location: '/sign-in' }).end()],
    ['502 and an answer', (response) => response.writeHead(502, JSON_TYPE).end(taken)],
    ['511 and a page', (response) => response.writeHead(511, { 'content-type': 'text/html' }).end('<html>sign in</html>')],
    ['500 and nothing', (response) => response.writeHead(500).end()],
    ['a cut in the middle', (response) => response.writeHead(200, JSON_TYPE).write(taken.slice(0, 40), () => response.destroy())],
    ['a cut before the answer', (response) => response.destroy()],
  ])('(X5) [SW10] is not acknowledged by %s, and its token goes nowhere else', async (_, respond) => {
    answer = respond
    const [end, world] = await sendTwo()
    expect([end, world.left()]).toEqual([{ end: 'again', why: 'no-answer' }, [idOf(1), idOf(2)]])
    expect(asked.map((request) => request.url)).toEqual(['/live/outbox'])
  })
})
