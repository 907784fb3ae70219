import { expect, it } from 'vitest'
import { engineTable, withTable } from './engine-table.mjs'

const result = (engine: string, title: string, status: string, seen?: Record<string, string | boolean>): object => ({
  ancestorTitles: [engine],
  title,
  status,
  meta: seen ? { seen } : {},
})

const TABLE = `|  | One 1.0 | two |
| --- | --- | --- |
| Locks | yes | no |
| stays | – | yes |
| has it all | passed | passed |
| goes both ways | **failed** | passed |`

it('puts a column for each engine, first what was seen of it and then what passed, without rules', () => {
  const report = JSON.stringify({
    testResults: [
      {
        assertionResults: [
          result('one', 'has it all', 'passed', { version: 'One 1.0', Locks: true }),
          result('one', '[I20] [I1] goes both ways', 'failed'),
          result('two', 'has it all', 'passed', { Locks: false }),
          result('two', '[I20] [I1] goes both ways', 'passed', { stays: true }),
        ],
      },
    ],
  })
  expect(engineTable(report)).toBe(TABLE)
})

it('replaces what stands between the marks of a document, and leaves one without marks alone', () => {
  const [begin, end] = ['<!-- engines: begin, written by `npm run test:engines` -->', '<!-- engines: end -->']
  expect(withTable(`a\n${begin}\nold\n${end}\nb`, 'new')).toBe(`a\n${begin}\n\nnew\n\n${end}\nb`)
  expect(withTable('none', 'new')).toBe('none')
})
