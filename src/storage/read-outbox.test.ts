import { describe, expect, it } from 'vitest'
import type { StoredSendOnly } from '../core/ports.ts'
import { readOutbox } from './read-outbox.ts'

const id = (name: string): string => name.padEnd(22, '_')
const random = { fraction: () => 0, id: () => id('fresh') }
const NOW_MS = 77
const sendOnly: StoredSendOnly = { url: 'wss://app.test/live', token: 'a-b_c.d', user: 'ada' }
const run = {
  schema: 1,
  store: id('store'),
  lease: 1,
  client: id('client'),
  sender: id('sender'),
  ledger: id('ledger'),
  since: 0,
  next: 1,
  acked: 0,
  ackedId: '',
  sentThrough: 0,
  memory: id('memory'),
  taken: 0,
  forgottenThrough: 0,
  offsetMs: 0,
}
const found = { run, session: undefined, sendOnly, outbox: [], fates: [], ended: [], parked: [], notices: undefined }

const loss = { id: id('loss'), kind: 'storage-lost', event: { atMs: 1, reason: 'cleared', requeued: 0, mayRepeat: [id('z')], older: 0 } }

const message = (n: number, name: string): object => ({ n, id: id(name), channel: 'agents', json: `"${name}"`, atMs: 1 })

describe('what was left of an outbox', () => {
  const left = {
    ...found,
    run: { ...run, next: 3, sentThrough: 1 },
    session: { id: id('session'), token: 't'.repeat(43) },
    outbox: [[message(1, 'a')], [message(2, 'b')]],
  }

  it('[ST13] is read as it is when every row is sound', () => {
    const { stored, corrupt } = readOutbox(left, random, NOW_MS)
    expect([corrupt, stored.outbox.client, stored.session]).toEqual([false, id('client'), left.session])
    expect(stored.outbox.entries).toEqual([message(1, 'a'), message(2, 'b')])
  })

  it.each<[string, object, string[]]>([
    ['a message with a field of another type', { outbox: [[message(1, 'a')], [{ ...message(2, 'b'), n: '2' }]] }, ['a']],
    ['a message without a field', { outbox: [[message(1, 'a')], [{ ...message(2, 'b'), channel: undefined }]] }, ['a']],
    ['a message that is not JSON', { outbox: [[message(1, 'a')], [{ ...message(2, 'b'), json: '{"b' }]] }, ['a']],
    ['JSON that is two values', { outbox: [[message(1, 'a')], [{ ...message(2, 'b'), json: '1},{"b":2' }]] }, ['a']],
    ['a number that no frame can say', { outbox: [[message(1, 'a')], [message(2 ** 53, 'b')]] }, ['a']],
    ['a record that is no list', { outbox: [[message(1, 'a')], message(2, 'b')] }, ['a']],
    ['a message too many that is none', { outbox: [[message(1, 'a')], [message(2, 'b'), { n: 3 }]] }, ['a', 'b']],
    ['a number that is there twice', { outbox: [[message(1, 'a')], [message(2, 'b'), message(2, 'c')]] }, ['a', 'b', 'c']],
    ['an id that is there twice', { outbox: [[message(1, 'a')], [message(2, 'a')]] }, ['a']],
    ['a hole', { outbox: [[message(2, 'b')]] }, ['b']],
    ['a session without a token', { session: { id: id('session') } }, ['a', 'b']],
    ['a fate of no kind', { fates: [{ row: 1, atMs: 1, taken: 1, fates: [{ id: id('x'), fate: 'perhaps' }] }] }, ['a', 'b']],
    ['an end of no kind', { ended: [{ row: 1, taken: 1, ids: id('x'), ends: '?' }] }, ['a', 'b']],
    ['an end without an id', { ended: [{ row: 1, taken: 2, ids: id('x'), ends: 'aa' }] }, ['a', 'b']],
    ['a memory that has forgotten more than it took', { run: { ...left.run, forgottenThrough: 1 } }, ['a', 'b']],
    ['a mark of what was named that is no number', { run: { ...left.run, namedRow: '1' } }, ['a', 'b']],
    ['a parked message without a reason', { parked: [{ ...message(1, 'x'), fate: 'expired' }] }, ['a', 'b']],
    [
      'a notice without a time',
      { notices: [{ id: id('x'), kind: 'storage-lost', event: { ...loss.event, atMs: undefined } }] },
      ['a', 'b'],
    ],
    [
      'a notice that names what is no id',
      { notices: [{ id: id('x'), kind: 'storage-lost', event: { ...loss.event, lost: ['short'] } }] },
      ['a', 'b'],
    ],
    ['notices that are no list', { notices: { 0: loss } }, ['a', 'b']],
    ['a row of a schema that is none', { run: { ...left.run, schema: 0 } }, ['a', 'b']],
    ['no row that names the client', { run: undefined }, ['a', 'b']],
  ])('(W2) [ST13] [I3] goes on under a new client id, and asks before it sends, when there is %s', (_, change, kept) => {
    const { stored, corrupt } = readOutbox({ ...left, ...change }, random, NOW_MS)
    expect([corrupt, stored.outbox.client]).toEqual([true, id('fresh')])
    expect(stored.outbox.entries.map((entry) => [entry.n, entry.id])).toEqual(kept.map((name, at) => [at + 1, id(name)]))
    expect(stored.outbox.entries.filter(({ recall, mayRepeat }) => recall === undefined && mayRepeat !== true)).toEqual([])
    const marked = stored.outbox.entries.filter(({ mayRepeat }) => mayRepeat).map((entry) => entry.id)
    const event = { atMs: NOW_MS, reason: 'storage-corrupt', mayRepeat: marked, mayBeLost: [], older: 0 }
    expect(stored.notices).toEqual([{ id: id('fresh'), kind: 'outbox-restarted', event }])
  })

  it('[OB31] [RT7] sends as who it did before, as far as that can be read', () => {
    const senders = [left.run, { ...left.run, lease: 'x' }, { ...left.run, sender: 'x' }, undefined].map(
      (row) => readOutbox({ ...left, run: row }, random, NOW_MS).stored.outbox.sender,
    )
    expect(senders).toEqual([id('sender'), id('sender'), id('fresh'), id('fresh')])
  })

  it.each([
    ['as it is when every row is sound, and none where none was stored', {}, [0, 2]],
    ['when something else cannot be trusted, up to the last row that is left', { parked: ['text'] }, [0, 1]],
  ])('[ST20] [ST13] the mark of what was named as possibly lost is read %s', (_, change, expected) => {
    const row = { row: 1, atMs: 1, taken: 1, fates: [{ id: id('x'), fate: 'applied' }] }
    const fates = 'parked' in change ? [row] : [row, { ...row, row: 2, fates: [] }]
    const marks = [undefined, 2].map((namedRow) =>
      readOutbox({ ...left, fates, run: { ...left.run, namedRow }, ...change }, random, NOW_MS),
    )
    expect(marks.map(({ stored }) => stored.memory.head.namedRow)).toEqual(expected)
  })

  it('[ST20] [ST13] with notices that are sound, which stay, and one of what was found; a restart that waits for answers is the same', () => {
    const restart = { id: id('r'), kind: 'outbox-restarted', event: { atMs: 1, reason: 'x', mayRepeat: [], mayBeLost: [], older: 0 } }
    const sound = { ...left, notices: [restart, loss] }
    expect(readOutbox(sound, random, NOW_MS)).toMatchObject({ corrupt: false, stored: { notices: [restart, loss] } })
    const broken = readOutbox({ ...sound, fates: ['text'] }, random, NOW_MS)
    expect(broken.stored.notices.map((notice) => notice.id)).toEqual([id('r'), id('loss'), id('fresh')])
    const asking = [[{ ...message(1, 'a'), recall: [id('old')] }], [message(2, 'b')]]
    const open = readOutbox({ ...sound, outbox: asking, fates: ['text'] }, random, NOW_MS)
    expect(open.stored.notices.map((notice) => notice.id)).toEqual([id('r'), id('loss')])
  })
})

describe('the stored way to send without a tab', () => {
  it.each([sendOnly, { ...sendOnly, user: null }, { ...sendOnly, url: 'ws://127.0.0.1:8080/live' }])(
    '[OB30] is read when it is whole: %j',
    (row) => {
      expect(readOutbox({ ...found, sendOnly: row }, random, NOW_MS)).toMatchObject({
        corrupt: false,
        stored: { sendOnly: row, outbox: { client: id('client') } },
      })
    },
  )

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no row', 'text'],
    ['no address', { ...sendOnly, url: undefined }],
    ['an address of another kind', { ...sendOnly, url: 'javascript:alert(1)//outbox' }],
    ['an address of no socket', { ...sendOnly, url: 'https://app.test/live' }],
    ['an address with a query', { ...sendOnly, url: 'wss://app.test/live?key=secret' }],
    ['no token', { ...sendOnly, token: '' }],
    ['a token of other characters', { ...sendOnly, token: 'a\r\nX: y' }],
    ['no user', { ...sendOnly, user: undefined }],
    ['an empty user', { ...sendOnly, user: '' }],
  ])('[OB30] counts as none, and harms nothing else, when it is %s', (_, row) => {
    expect(readOutbox({ ...found, sendOnly: row }, random, NOW_MS)).toMatchObject({
      corrupt: false,
      stored: { sendOnly: null, outbox: { client: id('client') } },
    })
  })

  it('[OB30] [ST13] is of no use to an outbox that begins anew because it could not be read', () => {
    expect(readOutbox({ ...found, outbox: ['text'] }, random, NOW_MS)).toMatchObject({ corrupt: true, stored: { sendOnly: null } })
  })
})
