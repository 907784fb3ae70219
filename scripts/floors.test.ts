import { describe, expect, it } from 'vitest'
import { checkFloors } from './floors.ts'
import { sourceFiles } from './source-files.ts'

describe('floors', () => {
  it('every import of the repository goes to the same room or a lower floor, without cycles', () => {
    const files = sourceFiles('src', 'sw', 'demo', 'e2e', 'bench', 'chaos', 'engines', 'soak')
    expect(files.length).toBeGreaterThan(0)
    expect(checkFloors(files)).toEqual([])
  })

  it.each([
    ['upward', 'src/core/a.ts', `import { x } from '../storage/x.ts'`],
    ['upward for types only', 'src/core/a.ts', `import type { X } from '../page/x.ts'`],
    ['sideways', 'src/hub/a.ts', `export { x } from '../page/x.ts'`],
    ['sideways between storage and bridge', 'src/storage/a.ts', `import '../bridge/x.ts'`],
    ['dynamic', 'src/page/a.ts', `const x = await import('../server/x.ts')`],
    ['a package in core', 'src/core/a.ts', `import { wrap } from 'comlink'`],
    ['Comlink outside bridge', 'src/hub/a.ts', `import { wrap } from 'comlink'`],
    ['Node outside server', 'src/page/a.ts', `import { readFile } from 'node:fs/promises'`],
    ['source from an app', 'demo/a.ts', `import { connect } from '../src/page/index.ts'`],
    ['source from end-to-end tests', 'e2e/a.spec.ts', `import { x } from '../src/core/x.ts'`],
    ['a test reaching up', 'src/core/a.test.ts', `import { x } from '../server/x.ts'`],
    ['an unknown room', 'src/misc/a.ts', `import './b.ts'`],
  ])('an import %s is found', (_, path, text) => {
    expect(checkFloors([{ path, text }])).toHaveLength(1)
  })

  it.each([
    ['src/hub/a.ts', `import { x } from '../core/x.ts'`],
    ['src/core/a.test.ts', `import fc from 'fast-check'\nimport { x } from '../testing/x.ts'`],
    ['src/server/engines/a.ts', `import { x } from '../../protocol/index.ts'\nimport { y } from '../y.ts'\nimport 'node:http'`],
    ['demo/a.ts', `import { connect } from 'holdfast'\nimport { x } from './x.ts'`],
  ])('what %s imports is allowed', (path, text) => {
    expect(checkFloors([{ path, text }])).toEqual([])
  })

  it('a cycle between files is found', () => {
    const files = [
      { path: 'src/core/a.ts', text: `import { b } from './b.ts'` },
      { path: 'src/core/b.ts', text: `import { c } from './deep/c.ts'` },
      { path: 'src/core/deep/c.ts', text: `import { a } from '../a.ts'` },
    ]
    expect(checkFloors(files)).toEqual(['cycle: src/core/a.ts → src/core/b.ts → src/core/deep/c.ts → src/core/a.ts'])
  })
})
