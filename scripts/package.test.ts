import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Manifest {
  readonly files: readonly string[]
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly integrity?: string; readonly hasInstallScript?: boolean }>>
}

/** Everything that is always packed, whatever `files` says. */
const ALWAYS = ['LICENSE', 'README.md', 'package.json']

/** The files that the README links to: who has installed the package reads them there. */
const linked = [...readFileSync('README.md', 'utf8').matchAll(/\]\(([^)#:]+)\)/g)].flatMap(([, path]) => path ?? [])

describe('(SEC21) the package', () => {
  it('holds what its users need and nothing else', { timeout: 60_000 }, () => {
    const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [packed] = JSON.parse(text) as [{ readonly files: readonly { readonly path: string }[] }]
    const paths = packed.files.map(({ path }) => path)
    const code = /^dist\/[\w./-]+\.(js|d\.ts)$/
    expect(paths.filter((path) => !code.test(path)).toSorted()).toEqual([...new Set([...ALWAYS, ...linked])].toSorted())
    // Where the build has run, what the exports name is in it.
    const named = Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? target : Object.values(target)))
    const built = named.map((target) => target.slice(2)).filter((path) => existsSync(path))
    expect(built.filter((path) => !paths.includes(path))).toEqual([])
  })

  it('runs nothing when it is installed', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare', 'prepublish']
    expect(hooks.filter((hook) => hook in manifest.scripts)).toEqual([])
  })

  it('depends on few packages, each named in the README with its reason, and none of them runs anything when it is installed', () => {
    const [, section = ''] = readFileSync('README.md', 'utf8').split('### Dependencies\n')
    const rows = [...(section.split('\n###')[0] ?? '').matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, name, reason]) => ({
      name,
      reason,
    }))
    expect(rows.map(({ name = '' }) => name).toSorted()).toEqual(Object.keys(manifest.dependencies).toSorted())
    expect(rows.filter(({ reason }) => (reason ?? '').length < 10)).toEqual([])
    const runtime = Object.entries(lock.packages).filter(([path, { dev }]) => path !== '' && dev !== true)
    expect(runtime.filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([])
    // With what they depend on themselves; types hold no code.
    const named = runtime.map(([path]) => path.replace('node_modules/', '')).filter((name) => !name.startsWith('@types/'))
    expect(named.toSorted()).toEqual(Object.keys(manifest.dependencies).toSorted())
    expect(runtime.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([])
  })
})
