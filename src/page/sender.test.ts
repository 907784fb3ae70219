import { afterEach, describe, expect, it } from 'vitest'
import { connectOn, type Connections } from './connect.ts'
import { settled, TestPage, until } from './test-page.ts'

const page = new TestPage()
const open: Connections = new Map()

afterEach(async () => {
  for (const { shared } of open.values()) shared.connection.close()
  await settled()
  page.end()
})

const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

describe('send', () => {
  it('(M11) (M12) [TB18] refuses what JSON would change at once: it gets no id, and nothing of it reaches the hub', async () => {
    const agents = connectOn(page, open, { url: '/live' }).channel('agents')
    const last = agents.send('before')
    for (const data of [undefined, () => 1, { n: 1n }, cyclic, new ArrayBuffer(2), new Blob(['x'])]) {
      for (const durable of [true, false])
        expect(() => agents.send(data, { durable })).toThrow(expect.objectContaining({ code: 'invalid-data' }))
    }
    const next = agents.send('after')
    expect(Number(next.id.slice(2))).toBe(Number(last.id.slice(2)) + 1)
    await until(() => page.hubs.length > 0 && page.hub.taken.length > 1)
    await settled()
    expect(page.hub.taken.map(({ json }) => json)).toEqual(['"before"', '"after"'])
    expect(page.hub.said('sendVolatile')).toEqual([])
  })
})
