import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { afterEach, describe, expect, it } from 'vitest'
import { findNginx } from './find-nginx.mjs'
import type { LogEntry } from '../src/core/ports.ts'
import { DEFAULT_HEARTBEAT } from '../src/protocol/index.ts'
import { startWireServer } from '../src/server/testing/wire-server.ts'

const document = readFileSync('docs/proxies.md', 'utf8')
const [, documented = ''] = /```nginx\n(.*?)```/s.exec(document) ?? []
const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface Proxied {
  readonly lines: readonly LogEntry[]
  /** Asks for a WebSocket as a browser does; resolves with 101, or the status and what the server says. */
  ask(origin: string): Promise<string>
}

/**
 * nginx with this configuration in front of a live server. It listens on a socket of the file system: it can find no
 * free port itself.
 */
async function proxied(configuration: string): Promise<Proxied> {
  const lines: LogEntry[] = []
  const server = await startWireServer({ log: (line) => lines.push(line) })
  ends.push(server.stop)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-nginx-'))
  const socket = join(folder, 'nginx.sock')
  const http = configuration.replaceAll('127.0.0.1:3000', `127.0.0.1:${server.port}`).replace('listen 80', `listen unix:${socket}`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/pid; error_log ${folder}/errors; events {} http { access_log off; ${temporary}\n${http}\n}`,
  )
  const listening = new Promise<void>((resolve) => {
    // It writes down its number when it listens.
    const watcher = watch(folder, () => {
      if (existsSync(join(folder, 'pid'))) resolve()
    })
    ends.push(() => watcher.close())
  })
  const nginx = spawn(findNginx(), ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'errors')], { stdio: 'ignore' })
  const exited = once(nginx, 'exit')
  ends.push(async () => {
    nginx.kill('SIGTERM')
    await exited
    rmSync(folder, { recursive: true, force: true })
  })
  await Promise.race([listening, exited.then(() => Promise.reject(new Error(readFileSync(join(folder, 'errors'), 'utf8'))))])
  return { lines, ask: (origin) => askFor(socket, origin) }
}

function askFor(socketPath: string, origin: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws+unix:${socketPath}:/live`, { origin, headers: { host: new URL(origin).host } })
    socket.on('open', () => {
      socket.terminate()
      resolve('101')
    })
    socket.on('unexpected-response', (_request, response) => {
      let text = `${response.statusCode} `
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve(text))
    })
    socket.on('error', reject)
  })
}

const server = (location: string): string => `
  upstream app { server 127.0.0.1:3000; keepalive 16; }
  server { listen 80; server_name app.example.com; location /live { ${location} } }`
const UPGRADE = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

describe('[N12] nginx', () => {
  it.each(['https://app.example.com', 'http://app.example.com:8080'])('as documented lets a page of %s in', async (origin) => {
    const { ask, lines } = await proxied(documented)
    expect(await ask(origin)).toBe('101')
    expect(lines.filter(({ event }) => event === 'refused')).toEqual([])
  })

  it('as documented waits longer than any client is silent', () => {
    const waits = [...documented.matchAll(/proxy_\w+_timeout (\d+)s;/g)].map(([, seconds]) => Number(seconds) * 1_000)
    expect(waits).toHaveLength(2)
    for (const waitMs of waits) expect(waitMs).toBeGreaterThan(2 * (DEFAULT_HEARTBEAT.hiddenPingMs + DEFAULT_HEARTBEAT.timeoutMs))
    expect(document).toContain(`every ${DEFAULT_HEARTBEAT.pingMs / 1_000} s, and every ${DEFAULT_HEARTBEAT.hiddenPingMs / 1_000} s`)
  })

  it.each([
    ['$host', `proxy_pass http://app; ${UPGRADE} proxy_set_header Host $host;`],
    [
      'the Connection of the request',
      'proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection; proxy_set_header Host $http_host;',
    ],
    [
      'the version left out',
      'proxy_pass http://app; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header Host $http_host;',
    ],
    ['buffering off', `proxy_pass http://app; ${UPGRADE} proxy_set_header Host $http_host; proxy_buffering off;`],
  ])('with %s works', async (_what, location) => {
    const { ask } = await proxied(server(location))
    expect(await ask('https://app.example.com')).toBe('101')
  })

  it.each<[string, string, string, string, string]>([
    ['only proxy_pass', 'proxy_pass http://app;', '426', 'upgrade', 'proxy_set_header Upgrade $http_upgrade;'],
    ['only the version', 'proxy_pass http://app; proxy_http_version 1.1;', '426', 'upgrade', 'proxy_set_header Connection "upgrade";'],
    [
      'a Connection header for keepalive',
      'proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Upgrade $http_upgrade;',
      '426',
      'upgrade',
      'proxy_set_header Connection "upgrade";',
    ],
    ['no Host', `proxy_pass http://app; ${UPGRADE}`, '403', 'origin', 'proxy_set_header Host $http_host;'],
    [
      'the host in another header',
      `proxy_pass http://app; ${UPGRADE} proxy_set_header X-Forwarded-Host $http_host;`,
      '403',
      'origin',
      'proxy_set_header Host $http_host;',
    ],
    ['$host, and another port', `proxy_pass http://app; ${UPGRADE} proxy_set_header Host $host;`, '403', 'origin', 'dropped the port'],
    [
      'a slash after the host',
      `proxy_pass http://app/; ${UPGRADE} proxy_set_header Host $http_host;`,
      '404',
      'path',
      'no path after the host',
    ],
  ])('with %s is refused, and the log says which line to change', async (_what, location, status, kind, advice) => {
    const { ask, lines } = await proxied(server(location))
    const answer = await ask('http://app.example.com:8080')
    expect(answer.slice(0, 3)).toBe(status)
    const line = lines.find(({ event }) => event === 'refused')
    expect(line).toMatchObject({ level: 'error', kind, advice: expect.stringContaining(advice) })
    if (kind !== 'path') expect(answer).toContain(advice)
  })
})
