import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { citedRules, statedRules } from './rules.ts'
import { isTest, sourceFiles } from './source-files.ts'

const documents = ['src/protocol/PROTOCOL.md', 'src/core/SPEC.md', 'src/server/SPEC.md', 'sw/SPEC.md'].filter((path) => existsSync(path))
const stated = documents.flatMap((path) => statedRules(readFileSync(path, 'utf8')))
const tests = sourceFiles('src', 'e2e', 'engines', 'scripts', 'sim', 'sw').filter(isTest)
const cited = tests.flatMap((file) => citedRules(file).map((rule) => ({ rule, path: file.path })))

describe('rules', () => {
  it('every rule of the documents is cited by a test', () => {
    expect(stated.length).toBeGreaterThan(0)
    const known = new Set(cited.map(({ rule }) => rule))
    expect(stated.filter((rule) => !known.has(rule))).toEqual([])
  })

  it('every rule that a test cites stands in a document', () => {
    const known = new Set(stated)
    expect(cited.filter(({ rule }) => !known.has(rule))).toEqual([])
  })

  it('reads rules from bold numbers only', () => {
    expect(statedRules('- **A1** first\n**B22 No loss.** see C3 and **bold** and P4')).toEqual(['A1', 'B22'])
  })

  it('reads citations from titles and from tables of titles', () => {
    const title = (rule: string): string => `[${rule}]`
    const text = `// ${title('X1')}
      describe('${title('A1')} group', () => { it.each([['${title('A5')}']])(\`${title('A2')} \${x}\`, () => { log('${title('X3')}') }) })
      test('${title('A3')}${title('A4')} both', () => {})`
    expect(citedRules({ path: 'x.test.ts', text })).toEqual(['A1', 'A2', 'A5', 'A3', 'A4'])
  })
})
