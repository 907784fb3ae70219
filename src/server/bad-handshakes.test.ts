import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { attackServer } from './testing/attack-contract.ts'
import { upgradeRequest } from './testing/raw-peer.ts'

const ALLOWED = 'https://app.example.com'

/** What a server answers to these bytes, up to the end of its header. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return answer.toString('latin1')
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

describe('an upgrade', () => {
  const server = attackServer(
    { allowedOrigins: [ALLOWED], authenticate: ({ credential }) => (credential === 'key' ? { user: 'ada' } : null) },
    {
      user: 'ada',
      credential: 'key',
    },
  )
  const upgrade = (lines: readonly string[], path?: string): Promise<string> => answerTo(server.port, upgradeRequest(lines, path))

  it.each<[string, string[]]>([
    ['(HS1) (SEC1) of an origin that is not listed', ['Origin: https://evil.example']],
    ['(HS2) of the origin null', ['Origin: null']],
    ['(HS2) without an origin but with a cookie', ['Cookie: session=1']],
    ['(HS2) with an empty origin and a cookie', ['Origin: ', 'Cookie: session=1']],
    ['(HS3) of an origin that only begins like a listed one', ['Origin: https://app.example.com.evil.com']],
    ['(HS3) of an origin that only ends like a listed one', ['Origin: https://evil-app.example.com']],
    ['(HS3) of an origin with another port', ['Origin: https://app.example.com:444']],
    ['(HS3) of an origin with the port a browser would leave out', ['Origin: https://app.example.com:443']],
    ['(HS3) of an origin with another scheme', ['Origin: http://app.example.com']],
    ['(HS3) of an origin in upper case', ['Origin: https://APP.example.com']],
    ['(HS3) of an origin with a dot at its end', ['Origin: https://app.example.com.']],
    ['(HS3) of an origin with a slash at its end', ['Origin: https://app.example.com/']],
    ['(HS3) of an origin with a user in it', ['Origin: https://app.example.com@evil.example']],
    ['(HS3) of an origin without a scheme', ['Origin: app.example.com']],
    ['(HS4) with a listed origin twice', [`Origin: ${ALLOWED}`, `Origin: ${ALLOWED}`]],
    ['(HS4) with a listed origin and another', [`Origin: ${ALLOWED}`, 'Origin: https://evil.example']],
    ['(HS4) with another origin and a listed one', ['Origin: https://evil.example', `Origin: ${ALLOWED}`]],
  ])('%s is refused with 403 and counted, without a session [I29]', async (_title, lines) => {
    const before = server.live.metrics()
    expect(statusOf(await upgrade(lines))).toBe(403)
    const { totals, ...after } = server.live.metrics()
    expect(after).toMatchObject({ sockets: 1, sessions: before.sessions })
    expect(totals['refused.origin']).toBe((before.totals['refused.origin'] ?? 0) + 1)
  })

  it.each<[string, string, number]>([
    ['(HS7) a key that is too short', upgradeRequest().replace('MDEyMzQ1Njc4OWFiY2RlZg==', 'short'), 400],
    ['(HS7) no key', upgradeRequest().replace(/Sec-WebSocket-Key.*\r\n/, ''), 400],
    ['(HS7) two keys', upgradeRequest(['Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==']), 400],
    ['(HS7) version 12', upgradeRequest().replace('Version: 13', 'Version: 12'), 400],
    ['(HS7) no version', upgradeRequest().replace(/Sec-WebSocket-Version.*\r\n/, ''), 400],
    ['(HS7) the method POST', upgradeRequest().replace('GET', 'POST'), 405],
    ['(HS7) an upgrade to something else', upgradeRequest().replace('Upgrade: websocket', 'Upgrade: h2c'), 426],
    ['(HS7) a request that is no HTTP', 'hello\r\n\r\n', 400],
    ['(HS10) a path that climbs', upgradeRequest([], '/live/../live'), 404],
    ['(HS10) a path that climbs in disguise', upgradeRequest([], '/x/%2e%2e/live'), 404],
    ['(HS10) an absolute address', upgradeRequest([], 'http://evil.example/live'), 404],
    ['(HS10) two slashes', upgradeRequest([], '//live'), 404],
    ['(HS10) a path of another case', upgradeRequest([], '/LIVE'), 404],
  ])('%s is answered, and there is no socket [I29]', async (_title, bytes, status) => {
    expect(statusOf(await answerTo(server.port, bytes))).toBe(status)
    expect(server.live.metrics().sockets).toBe(1)
  })

  it('(HS7) no Upgrade header is a request for the HTTP server, and answered on our path alone', async () => {
    const withoutUpgrade = (path: string): string => upgradeRequest([], path).replace(/Upgrade: websocket\r\n/, '')
    expect(await answerTo(server.port, withoutUpgrade('/page'))).toMatch(/^HTTP\/1\.1 200[^]*page/)
    expect(statusOf(await answerTo(server.port, withoutUpgrade('/live')))).toBe(426)
  })

  it.each(['permessage-deflate', 'x; =', ';;,,', 'permessage-deflate; server_max_window_bits=99'])(
    '(HS9) extensions %j are not read, for none is ever agreed to [I29]',
    async (extensions) => {
      const answer = await upgrade([`Sec-WebSocket-Extensions: ${extensions}`])
      expect(statusOf(answer)).toBe(101)
      expect(answer).not.toMatch(/extensions/i)
    },
  )

  it('(HS10) a query of 8 KB says nothing, and one of 20 KB is refused with 431 [I29]', async () => {
    expect(statusOf(await upgrade([], `/live?${'x'.repeat(8_192)}`))).toBe(101)
    expect(statusOf(await upgrade([], `/live?${'x'.repeat(20_480)}`))).toBe(431)
  })
})

describe('a socket that was opened', () => {
  const seen: unknown[] = []
  const server = attackServer(
    {
      limits: { helloMs: 80 },
      authenticate: (hello) => {
        seen.push(hello)
        return hello.credential === 'key' ? { user: 'ada' } : null
      },
    },
    { user: 'ada', credential: 'key' },
  )

  it('(HS5) and says nothing is closed with 4408 [P4]', async () => {
    expect((await (await server.connect()).closed).code).toBe(4408)
  })

  it('(HS5) and only pings is closed with 4408 [P4]', async () => {
    const client = await server.connect()
    const pinging = setInterval(() => client.socket.ping(), 10)
    expect((await client.closed).code).toBe(4408)
    clearInterval(pinging)
  })

  it('(HS11) with the credential in its query is closed with 4401: the hook is never shown the address [P5]', async () => {
    const guest = await server.connect('?token=key&credential=key')
    guest.send({ ...server.witness, session: null, credential: null, subscriptions: [] })
    expect((await guest.closed).code).toBe(4401)
    expect(JSON.stringify(seen.at(-1))).not.toContain('token=key')
  })
})
