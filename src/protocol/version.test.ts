import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { PROTOCOL_VERSION } from './version.ts'

/** What the messages say to a compiler, for each version. */
const SCHEMA_HASHES: { readonly [version: number]: string } = {
  1: '5c3a881dedf99eed',
}

/** Hash of a file's tokens: comments and white space do not count. */
function schemaHash(text: string): string {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, true, ts.LanguageVariant.Standard, text)
  const tokens: string[] = []
  while (scanner.scan() !== ts.SyntaxKind.EndOfFileToken) tokens.push(scanner.getTokenText())
  return createHash('sha256').update(tokens.join(' ')).digest('hex').slice(0, 16)
}

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8')

describe('protocol version', () => {
  it('a change of the messages comes with a new version', () => {
    const hash = schemaHash(['message-parts', 'client-messages', 'server-messages'].map((file) => read(`./${file}.ts`)).join('\n'))
    expect(hash, 'the messages changed: bump PROTOCOL_VERSION and add a history line').toBe(SCHEMA_HASHES[PROTOCOL_VERSION])
  })

  it('every version has a line in the history and the document names the newest', () => {
    for (const version of Object.keys(SCHEMA_HASHES)) expect(read('./version.ts')).toMatch(new RegExp(`^ \\* - ${version}: `, 'm'))
    expect(Math.max(...Object.keys(SCHEMA_HASHES).map(Number))).toBe(PROTOCOL_VERSION)
    expect(read('./PROTOCOL.md')).toContain(`# The Holdfast protocol, version ${PROTOCOL_VERSION}\n`)
  })

  it('comments and white space do not change the hash, a field does', () => {
    const plain = schemaHash('interface A { readonly x: 1 }')
    expect(schemaHash('/** A. */\ninterface A {\n  // one\n  readonly x: 1\n}')).toBe(plain)
    expect(schemaHash('interface A { readonly x: 2 }')).not.toBe(plain)
  })
})
