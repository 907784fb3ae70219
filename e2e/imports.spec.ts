import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from './harness/test.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** What Node says of a script, by the conditions under which it takes the package's entries. */
function run(script: string, ...conditions: readonly string[]): unknown {
  const options = conditions.flatMap((condition) => ['--conditions', condition])
  return JSON.parse(execFileSync('node', [...options, '--input-type=module', '--eval', script], { cwd: HERE, encoding: 'utf8' }))
}

const ENTRIES = ['holdfast', 'holdfast/hub', 'holdfast/protocol', 'holdfast/sw/register', 'holdfast/server', 'holdfast/testing']

/** As imitated browsers have it: a document, and nothing that Holdfast needs. */
const IMITATION = `
  Object.assign(globalThis, { window: globalThis, self: globalThis, document: { baseURI: 'http://localhost/', addEventListener() {} } })
  for (const name of ['Worker', 'SharedWorker']) Reflect.deleteProperty(globalThis, name)
  console.error = () => {}
`

for (const [place, before, conditions] of [
  ['in Node', '', []],
  ['in an imitated browser', IMITATION, ['browser']],
] as const)
  test(`[TB41] what a page imports can be imported ${place}`, () => {
    const script = `${before}
      const failed = []
      for (const entry of ${JSON.stringify(ENTRIES)}) await import(entry).catch((error) => failed.push(entry + ': ' + error))
      console.log(JSON.stringify(failed)); process.exit()`
    expect(run(script, ...conditions)).toEqual([])
  })

test('[TB41] in an imitated browser connect says what is missing, and the server that it is none', () => {
  const script = `${IMITATION}
    const { connect } = await import('holdfast')
    const { createLiveServer } = await import('holdfast/server')
    const codes = []
    for (const call of [() => connect({ url: '/live' }), () => createLiveServer()]) try { call() } catch ({ code }) { codes.push(code) }
    console.log(JSON.stringify(codes)); process.exit()`
  expect(run(script, 'browser')).toEqual(['unsupported', 'unsupported'])
})
