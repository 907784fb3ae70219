import { describe, expect, it } from 'vitest'
import type { StoredFlush } from '../core/ports.ts'
import { readOutbox } from './read-outbox.ts'

const id = (name: string): string => name.padEnd(22, '_')
const random = { fraction: () => 0, id: () => id('fresh') }
const flush: StoredFlush = { url: 'https://app.test/live/outbox', token: 'a-b_c.d', user: 'ada', frameBytes: 1_048_576 }
const run = {
  schema: 1,
  store: id('store'),
  lease: 1,
  client: id('client'),
  ledger: id('ledger'),
  next: 1,
  acked: 0,
  ackedId: '',
  sentThrough: 0,
}
const found = { run, session: undefined, flush, outbox: [], fates: [], parked: [] }

describe('the stored way to send by POST', () => {
  it.each([flush, { ...flush, user: null }, { ...flush, url: 'http://127.0.0.1:8080/outbox' }])(
    '[OB30] is read when it is whole: %j',
    (row) => {
      expect(readOutbox({ ...found, flush: row }, random)).toMatchObject({
        corrupt: false,
        stored: { flush: row, outbox: { client: id('client') } },
      })
    },
  )

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no row', 'text'],
    ['no address', { ...flush, url: undefined }],
    ['an address of another kind', { ...flush, url: 'javascript:alert(1)//outbox' }],
    ['an address that is no endpoint', { ...flush, url: 'https://evil.example/' }],
    ['an address with a query', { ...flush, url: 'https://app.test/live?x=/outbox' }],
    ['no token', { ...flush, token: '' }],
    ['a token that no header can carry', { ...flush, token: 'a\r\nX: y' }],
    ['no user', { ...flush, user: undefined }],
    ['an empty user', { ...flush, user: '' }],
    ['a body of no size', { ...flush, frameBytes: 0 }],
  ])('[OB30] counts as none, and harms nothing else, when it is %s', (_, row) => {
    expect(readOutbox({ ...found, flush: row }, random)).toMatchObject({
      corrupt: false,
      stored: { flush: null, outbox: { client: id('client') } },
    })
  })

  it('[OB30] [ST13] is of no use to an outbox that begins anew because it could not be read', () => {
    expect(readOutbox({ ...found, outbox: ['text'] }, random)).toMatchObject({ corrupt: true, stored: { flush: null } })
  })
})
