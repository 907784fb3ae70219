import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DEFAULT_OUTBOX } from '../src/core/settings.ts'
import { resolveOptions } from '../src/server/resolve-options.ts'
import { isTest, sourceFiles } from './source-files.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, h: 3_600_000, days: 86_400_000, KiB: 2 ** 10, MiB: 2 ** 20 }

const text = readFileSync('SECURITY.md', 'utf8')
const rows = [...text.matchAll(/^\| `([\w.]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, name = '', value = '', outcome = '']) => ({
  name,
  value: valueOf(value.trim()),
  outcome: outcome.trim(),
}))

/** What a cell means: `16 MiB` is 16,777,216. */
function valueOf(cell: string): number {
  const [, digits = '', unit = ''] = /^([\d,]+) ?(\w*)$/.exec(cell) ?? []
  return Number(digits.replaceAll(',', '')) * (UNITS[unit] ?? NaN)
}

/** Every `const NAME = number` of the product, by name; a name may stand for several things. */
const constants = new Map<string, number[]>()
for (const { text: source } of sourceFiles('src').filter((file) => !isTest(file) && !file.path.startsWith('src/testing/'))) {
  for (const [, name = '', digits = ''] of source.matchAll(/^(?:export )?const ([A-Z][A-Z_]+)(?:: number)? = ([\d_ *]+)$/gm)) {
    const read = digits
      .replaceAll('**', '^')
      .split('*')
      .map((factor) => factor.split('^').map((part) => Number(part.replaceAll('_', ''))))
      .reduce((product, [base = NaN, exponent = 1]) => product * base ** exponent, 1)
    constants.set(name, [...(constants.get(name) ?? []), read])
  }
}

const { limits, sessions, history } = resolveOptions({})
const options: ReadonlyMap<string, number> = new Map(
  Object.entries({ limits, sessions, history: history('any'), outbox: DEFAULT_OUTBOX }).flatMap(([group, values]) =>
    Object.entries(values)
      .filter(([, value]) => typeof value === 'number')
      .map(([name, value]) => [`${group}.${name}`, value as number] as const),
  ),
)

describe('SECURITY.md', () => {
  it('(SEC10) [I30] has a row for every limit that is an option, and no other', () => {
    const named = rows.map(({ name }) => name).filter((name) => name.includes('.'))
    // How often what is past its time is removed limits nothing.
    expect(named.toSorted()).toEqual([...options.keys()].filter((name) => name !== 'sessions.sweepMs').toSorted())
  })

  it('(SEC10) [I30] has a row for every constant that says how much there may be', () => {
    const most = [...constants.keys()].filter((name) => name.startsWith('MAX_'))
    const elsewhere = [
      // What a single value may be: part of the wire contract, answered as a bad message.
      'MAX_CHANNEL_LENGTH',
      'MAX_USER_LENGTH',
      'MAX_CREDENTIAL_LENGTH',
      'MAX_RECALL_IDS',
      'MAX_FEATURES',
      'MAX_FEATURE_LENGTH',
      'MAX_ITEMS',
      'MAX_FLUSH_ENTRIES',
      'MAX_OUTBOX_TOKEN_LENGTH',
      'MAX_DEPTH',
      'MAX_NUMBER',
      'MAX_TEXT',
      // How something is cut into pieces or delayed: nothing is refused.
      'MAX_RECORD_MESSAGES',
      'MAX_ROW_IDS',
      'MAX_GROUP',
      'MAX_PATIENCE_MS',
      'MAX_RETRY_MS',
      'MAX_TIMER_MS',
      'MAX_REJECTION_LENGTH',
    ]
    const listed = new Set(rows.map(({ name }) => name))
    expect(most.filter((name) => !listed.has(name) && !elsewhere.includes(name))).toEqual([])
  })

  it.each(rows)('(SEC10) gives what the code has for $name: $value', ({ name, value, outcome }) => {
    const known = name.startsWith('max') ? [engineOption(name)] : name.includes('.') ? [options.get(name)] : constants.get(name)
    expect(known).toContain(value)
    expect(outcome.length).toBeGreaterThan(5)
  })
})

function engineOption(name: string): number {
  const [, product = ''] = new RegExp(`${name} = ([\\d_* ]+)`).exec(readFileSync('src/server/engines/memory.ts', 'utf8')) ?? []
  const [factor = '', base = '1', exponent = '1'] = product.replaceAll('_', '').split(/ \*+ /)
  return Number(factor) * Number(base) ** Number(exponent)
}
