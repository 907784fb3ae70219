import type { OutboxContents } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { applyEntry, linesOf, MAX_ENTRIES, type Conversation, type Entry, type Own } from './conversation.ts'

const me = { kind: 'person', id: 'me', name: 'Me', tab: 1 } as const
const other = { kind: 'person', id: 'other', name: 'Other' } as const
const entry = (id: string, atMs = 0, change: Partial<Entry> = {}): Entry => ({ id, author: other, text: id, atMs, ...change })
const nothing: OutboxContents = { pendingCount: 0, parkedCount: 0, pending: [], parked: [] }
const own = (id: string, atMs: number, change: Partial<Own> = {}): Own => ({
  id,
  draft: { author: me, text: id },
  atMs,
  fate: 'sending',
  ...change,
})
const none: ReadonlySet<string> = new Set()

describe('conversation', () => {
  it('an entry is added once, however often it comes', () => {
    const once = applyEntry([entry('1')], entry('2'))
    expect(once.map(({ id }) => id)).toEqual(['1', '2'])
    expect(applyEntry(once, entry('2'))).toBe(once)
    expect(applyEntry(once, entry('1'))).toBe(once)
  })

  it('the oldest entries go when there are too many', () => {
    let conversation: Conversation = []
    for (let at = 0; at < MAX_ENTRIES + 5; at++) conversation = applyEntry(conversation, entry(String(at)))
    expect(conversation).toHaveLength(MAX_ENTRIES)
    expect(conversation[0]?.id).toBe('5')
  })
})

describe('lines', () => {
  it('what the server says replaces what this browser wanted to say', () => {
    const said = [entry('x', 5, { author: me })]
    const outbox = {
      ...nothing,
      pending: [{ id: 'x', channel: 'conversation', atMs: 1, possiblySent: true, data: { author: me, text: 'x' } }],
    }
    expect(linesOf(said, outbox, [own('x', 1)], 'me', none).map(({ id, fate }) => [id, fate])).toEqual([['x', 'applied']])
  })

  it('a message in the outbox shows how far it is, a message of another tab too', () => {
    const data = { author: me, text: '' }
    const pending = [
      { id: 'q', channel: 'conversation', atMs: 3, possiblySent: false, data },
      { id: 's', channel: 'conversation', atMs: 1, possiblySent: true, data },
    ]
    const parked = [{ id: 'r', channel: 'conversation', atMs: 2, fate: 'rejected', reason: 'no', data } as const]
    const lines = linesOf([entry('1', 9)], { ...nothing, pending, parked }, [own('n', 4)], 'me', new Set(['s']))
    expect(lines.map(({ id, fate, reason, mayRepeat }) => [id, fate, reason, mayRepeat])).toEqual([
      ['1', null, '', false],
      ['s', 'sent', '', true],
      ['r', 'rejected', 'no', false],
      ['q', 'queued', '', false],
      ['n', 'sending', '', false],
    ])
  })

  it('a mark of the server that something may repeat is kept', () => {
    expect(linesOf([entry('1', 0, { mayRepeat: true })], nothing, [], 'me', none)[0]?.mayRepeat).toBe(true)
  })
})
