import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { undocumentedExports } from './source.ts'
import { isTest, sourceFiles } from './source-files.ts'

const MAX_LINES = 300
const source = sourceFiles('src', 'sw', 'demo', 'scripts').filter((file) => !isTest(file))
const product = source.filter(({ path }) => /^(src|sw|demo)\//.test(path) && !path.startsWith('src/testing/'))

describe('source', () => {
  it(`no file has more than ${MAX_LINES} lines`, () => {
    const long = source
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > MAX_LINES)
    expect(long).toEqual([])
  })

  it('product code never calls Math.random', () => {
    expect(product.length).toBeGreaterThan(0)
    expect(product.filter(({ text }) => /^(?!\s*(\*|\/[/*])).*Math\.random/m.test(text)).map(({ path }) => path)).toEqual([])
  })

  it('every export has a doc comment', () => {
    const bare = source
      .filter(({ path }) => /^(src|sw)\//.test(path))
      .flatMap((file) => undocumentedExports(file).map((name) => `${file.path}: ${name}`))
    expect(bare).toEqual([])
  })

  it('no file names a path of one machine or the address of a registry', () => {
    const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' }).split('\n')
    const files = listed.filter((path) => /\.(ts|tsx|mjs|json|md|html|css|yml)$/.test(path) && existsSync(path))
    const machine = /\/(work|root|home)\/|"resolved": *"http/
    expect(files.filter((path) => machine.test(readFileSync(path, 'utf8')))).toEqual([])
  })

  it('an export without a doc comment is found', () => {
    const text = `/** Said. */
      export function said(): void {}
      export const first = 1, second = 2
      export interface Third {}
      const inner = 0
      /** Overloaded. */
      export function over(a: string): void
      export function over(a: number): void
      export function over(): void {}
      export { inner } from './inner.ts'`
    expect(undocumentedExports({ path: 'x.ts', text })).toEqual(['first', 'second', 'Third'])
  })
})
