import { describe, expect, it } from 'vitest'
import { judgeOrigin, readOrigin } from './origin.ts'

describe('the origin of a request', () => {
  const line = 'proxy_set_header Host $http_host;'

  it.each([
    ['http://app.example.com', 'app.example.com'],
    ['https://app.example.com', 'app.example.com'],
    ['https://app.example.com', 'app.example.com:443'],
    ['http://localhost:3000', 'localhost:3000'],
  ])('[N10] %s is let in by the host %s', (origin, host) => {
    expect(judgeOrigin({ origin, host }, undefined)).toBeUndefined()
  })

  it.each<[string, Record<string, string>, string]>([
    ['the host of an upstream', { host: '127.0.0.1:3000' }, `must pass the Host header as it came. nginx: ${line}`],
    ['a host without its port', { host: 'app.example.com' }, `dropped the port, as $host of nginx does. nginx: ${line}`],
    ['a host that was moved', { host: 'backend', 'x-forwarded-host': 'app.example.com:8443' }, `X-Forwarded-Host, which anybody can write`],
    ['no host', {}, line],
    ['a host that is none', { host: 'a b:c' }, line],
  ])('[N9] [N10] %s is refused, with the line of nginx to change', (_what, headers, advice) => {
    const refusal = judgeOrigin({ origin: 'https://app.example.com:8443', ...headers }, undefined)
    expect(refusal).toMatchObject({ expected: 'app.example.com:8443', advice: expect.stringContaining(advice) })
    expect(refusal?.sentence).toContain('https://app.example.com:8443')
    expect(refusal?.advice).toContain(line)
  })

  it('[N10] an app shell has no host of its own to compare, and may be allowed by name', () => {
    const refusal = judgeOrigin({ origin: 'capacitor://localhost', host: 'app.example.com' }, undefined)
    expect(refusal?.sentence).toContain('has to be allowed by name')
    expect(refusal?.advice).toBeUndefined()
  })

  it.each(['null', 'file://', 'https://app.example.com/', 'HTTPS://app.example.com'])(
    '[N9] [N10] [N11] %s is refused, and nobody is told to list what cannot be listed',
    (origin) => {
      for (const allowed of [undefined, ['https://app.example.com']]) {
        const refusal = judgeOrigin({ origin, host: 'app.example.com' }, allowed)
        expect(refusal?.sentence).toContain(origin)
        expect(refusal?.sentence).not.toContain('by name')
        expect(refusal?.advice).toContain("allowedOrigins: '*'")
      }
    },
  )

  it.each([
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'moz-extension://0d1bdf6b-8b2e-4a39-9f17-9a3b2b1a3f11',
    'capacitor://localhost',
    'ionic://localhost',
    'tauri://localhost',
    'app://local',
    'https://app.example.com',
  ])('[N11] %s may be listed, and lets in itself alone', (origin) => {
    expect(readOrigin(origin)).toBe(origin)
    expect(judgeOrigin({ origin }, [origin])).toBeUndefined()
    for (const other of [`${origin}x`, `${origin}/`, origin.toUpperCase(), 'null'])
      expect(judgeOrigin({ origin: other }, [origin])).toMatchObject({ sentence: expect.stringContaining(other), expected: origin })
  })

  it.each([
    '*',
    'null',
    'https://*.a.example',
    'capacitor://*',
    'wss://a.example',
    'file://',
    'file:///x',
    'app://a/b',
    'a.example',
    'app://',
    'data://x',
    'HTTPS://app.example.com',
    'https://App.example.com',
    'Capacitor://localhost',
  ])('[N11] %s cannot be listed: no page and no shell sends it', (text) => {
    expect(readOrigin(text)).toBeUndefined()
  })

  it('[N10] cookies without an origin are refused, unless every origin is let in', () => {
    expect(judgeOrigin({ cookie: 'a=b' }, ['https://a.example'])?.sentence).toContain('cookies')
    expect(judgeOrigin({ cookie: 'a=b' }, '*')).toBeUndefined()
    expect(judgeOrigin({}, ['https://a.example'])).toBeUndefined()
  })
})
