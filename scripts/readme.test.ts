import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { checkOptions } from '../src/page/options.ts'
import { CLOSE } from '../src/protocol/close-codes.ts'
import { resolveOptions } from '../src/server/resolve-options.ts'

const readme = readFileSync('README.md', 'utf8')

/** Cells of every table row of the page. */
const rows = readme
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.split('|').slice(1, -1).map(plain))

/** The default that the page gives for an option. */
const written = new Map(rows.map(([name = '', value = '']) => [name, value]))

function plain(cell: string): string {
  return cell.replaceAll(/[`*]/g, '').trim()
}

const UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, h: 3_600_000, days: 86_400_000, KiB: 2 ** 10, MiB: 2 ** 20 }

/** What a cell means: `16 MiB` is 16,777,216, `14 days` are milliseconds, `'relaxed'` is the word. */
function valueOf(cell: string): unknown {
  const [, digits, unit = ''] = /^([\d,.]+) ?([A-Za-z]*)$/.exec(cell) ?? []
  if (digits !== undefined && UNITS[unit] !== undefined) return Number(digits.replaceAll(',', '')) * UNITS[unit]
  return cell === 'Infinity' ? Infinity : cell.replaceAll(/^'|'$/g, '')
}

/** `{ outbox: { maxAgeMs: 1 } }` as `outbox.maxAgeMs`. */
function flat(value: object, path = ''): readonly (readonly [name: string, value: unknown])[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'object' && inner !== null ? flat(inner, `${path}${key}.`) : [[`${path}${key}`, inner] as const],
  )
}

/** The declaration of a type in a source file. */
function declaration(path: string, name: string): ts.InterfaceDeclaration | ts.TypeAliasDeclaration {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const found = source.statements.find(
    (statement) => (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) && statement.name.text === name,
  )
  if (found === undefined) throw new Error(`${path} declares no ${name}`)
  return found as ts.InterfaceDeclaration
}

/** The string literals of a type: the words of a closed union. */
function wordsOf(path: string, name: string): readonly string[] {
  const words: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) words.push(node.literal.text)
    ts.forEachChild(node, visit)
  }
  visit(declaration(path, name))
  return words
}

function membersOf(path: string, name: string): readonly string[] {
  const members: string[] = []
  ts.forEachChild(declaration(path, name), (node) => {
    if (ts.isTypeElement(node) && node.name) members.push(node.name.getText())
  })
  return members
}

/** The page between a heading and the next one of its level or above. */
function section(heading: string): string {
  const level = heading.indexOf(' ')
  const [, rest = ''] = readme.split(`\n${heading}\n`)
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  return end === -1 ? rest : rest.slice(0, end)
}

describe('README', () => {
  it('names the sizes that the build is held to', () => {
    const limits = JSON.parse(readFileSync('.size-limit.json', 'utf8')) as { name: string; limit: string }[]
    const sizes = [...readme.matchAll(/<!-- size:(\w+) -->(.*?)<!-- \/size -->/g)].map(([, name, limit]) => ({ name, limit }))
    expect(sizes.map(({ name }) => name)).toEqual(['page', 'hub', 'worker'])
    for (const size of sizes) expect(limits).toContainEqual(expect.objectContaining(size))
  })

  it('has a heading for every error code and for no other', () => {
    const headings = [...section('### Errors').matchAll(/^#### `(.+)`$/gm)].map(([, code]) => code)
    expect(headings).toEqual(wordsOf('src/protocol/errors.ts', 'ErrorCode'))
  })

  it.each([
    ['src/page/options.ts', 'ConnectOptions'],
    ['src/core/settings.ts', 'HubSettings'],
    ['src/server/options.ts', 'LiveServerOptions'],
  ])('has a row for every option of %s %s', (path, name) => {
    const options = membersOf(path, name)
    expect(options.length).toBeGreaterThan(0)
    const documented = [...written.keys()]
    expect(options.filter((option) => !documented.some((row) => row === option || row.startsWith(`${option}.`)))).toEqual([])
  })

  const { url: _url, user: _user, ...page } = checkOptions({ url: '/live' }, 'http://localhost/').settings
  const { limits, sessions, heartbeat, history } = resolveOptions({})
  const defaults = flat({ ...page, limits, sessions, heartbeat, history: history('any') })

  it.each(defaults)('gives the default of %s: %s', (name, value) => {
    expect(valueOf(written.get(name) ?? '')).toBe(value)
  })

  it('gives no default for what is no option', () => {
    const known = new Set(defaults.map(([name]) => name))
    const groups = /^(reconnect|outbox|limits|sessions|heartbeat|history)\.\w+$/
    expect([...written.keys()].filter((name) => groups.test(name) && !known.has(name))).toEqual([])
  })

  it('lists every close code with its name and what follows', () => {
    const listed = rows.filter(([code = '']) => /^\d{4}$/.test(code)).map(([code, name, after]) => [Number(code), name, after])
    expect(listed).toEqual(Object.entries(CLOSE).map(([name, { code, after }]) => [code, name, after]))
  })

  it('explains every state', () => {
    const explained = section('### States')
    for (const status of wordsOf('src/core/public-state.ts', 'ConnectionState'))
      expect(explained).toMatch(new RegExp(`^\\| \`${status}\` \\|`, 'm'))
    for (const fact of membersOf('src/core/public-state.ts', 'StateFacts')) expect(explained).toContain(`\`${fact}\``)
  })

  it.each([
    ['src/core/public-state.ts', 'WaitReason'],
    ['src/core/public-state.ts', 'RefusalReason'],
    ['src/protocol/server-messages.ts', 'ResetReason'],
    ['src/page/sent-message.ts', 'SendFate'],
  ])('has every word of %s %s', (path, name) => {
    const words = wordsOf(path, name)
    expect(words.length).toBeGreaterThan(0)
    expect(words.filter((word) => !readme.includes(`\`${word}\``))).toEqual([])
  })

  it.each([
    ['src/page/connection-api.ts', 'Connection'],
    ['src/page/connection-events.ts', 'ConnectionEvents'],
    ['src/page/channel.ts', 'Channel'],
    ['src/page/channel-feed.ts', 'ChannelHandlers'],
    ['src/page/sent-message.ts', 'SentMessage'],
    ['src/page/outbox.ts', 'Outbox'],
    ['src/page/outbox.ts', 'OutboxContents'],
    ['src/server/live-server.ts', 'LiveServer'],
    ['src/server/metrics.ts', 'Metrics'],
    ['src/server/options.ts', 'IncomingMessage'],
    ['src/server/options.ts', 'MessageContext'],
  ])('mentions every member of %s %s', (path, name) => {
    const members = membersOf(path, name)
    expect(members.length).toBeGreaterThan(0)
    // A channel's name is what it was asked for by.
    expect(members.filter((member) => !(name === 'Channel' && member === 'name') && !new RegExp(`\`'?${member}\\b`).test(readme))).toEqual(
      [],
    )
  })

  it('links to what exists', () => {
    const anchors = new Set(
      [...readme.matchAll(/^#+ (.+)$/gm)].map(
        ([, title = '']) =>
          `#${title
            .toLowerCase()
            .replaceAll(/[^\w -]/g, '')
            .replaceAll(' ', '-')}`,
      ),
    )
    const targets = [...readme.matchAll(/\]\(([^)]+)\)/g)].flatMap(([, target]) => target ?? [])
    expect(targets.length).toBeGreaterThan(0)
    expect(targets.filter((target) => (target.startsWith('#') ? !anchors.has(target) : !ts.sys.fileExists(target)))).toEqual([])
  })

  it('names scripts and stages that exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
    const named = [...readme.matchAll(/npm (?:run )?(test|demo|bench)\b/g)].flatMap(([, name]) => name ?? [])
    expect(new Set(named)).toEqual(new Set(['test', 'demo', 'bench']))
    for (const name of named) expect(scripts).toHaveProperty(name)
  })

  it('shows examples that compile', { timeout: 120_000 }, () => {
    const marked = readme.split('<!-- checked -->').length - 1
    const examples = examplesIn(readme)
    expect(examples.length).toBeGreaterThan(5)
    expect(examples.length).toBe(marked)
    expect([...readme.matchAll(/^```ts$/gm)]).toHaveLength(marked)
    expect(typeErrors(examples)).toEqual([])
  })

  it('has pages whose marked examples compile', { timeout: 120_000 }, () => {
    const pages = readdirSync('docs').filter((name) => name.endsWith('.md'))
    const texts = pages.map((name) => readFileSync(`docs/${name}`, 'utf8'))
    const examples = texts.flatMap(examplesIn)
    expect(examples.length).toBe(texts.join('').split('<!-- checked -->').length - 1)
    expect(examples.length).toBeGreaterThan(0)
    expect(typeErrors(examples)).toEqual([])
  })

  it('finds an example that does not compile', { timeout: 120_000 }, () => {
    expect(typeErrors([`import { connect } from 'holdfast'\nconnect({ adress: '/live' })\n`])).toEqual([expect.stringContaining('adress')])
  })
})

/** The programs in a text that are marked to be compiled. */
function examplesIn(text: string): readonly string[] {
  return [...text.matchAll(/<!-- checked -->\n```ts\n(.*?)```/gs)].flatMap(([, program]) => program ?? [])
}

/** The part of React that the examples use: this repository does not have it. */
const REACT = `declare module 'react' {
  export function useEffect(effect: () => void | (() => void), dependencies: readonly unknown[]): void
  export function useState<T>(): [T | undefined, (next: (old: T | undefined) => T | undefined) => void]
  export function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, current: () => T, onServer?: () => T): T
}`

/** What the compiler says of programs that stand beside this repository's own, with the published names. */
function typeErrors(programs: readonly string[]): readonly string[] {
  const root = process.cwd()
  const config = ts.parseJsonConfigFileContent(ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)).config, ts.sys, root)
  const texts = new Map([
    [join(root, 'react.d.ts'), REACT],
    ...programs.map((text, at) => [join(root, `example-${at + 1}.ts`), text] as const),
  ])
  // An example may name what it does not use.
  const options = { ...config.options, noUnusedLocals: false }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (path) => texts.has(path) || fileExists(path)
  host.getSourceFile = (path, version, ...rest) => {
    const text = texts.get(path)
    return text === undefined ? getSourceFile(path, version, ...rest) : ts.createSourceFile(path, text, version)
  }
  const program = ts.createProgram([...texts.keys()], options, host)
  return [...texts.keys()]
    .flatMap((path) => {
      const file = program.getSourceFile(path)
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    })
    .map(({ file, messageText }) => `${file?.fileName.slice(root.length + 1)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`)
}
