import { posix } from 'node:path'
import ts from 'typescript'
import { isTest, type SourceFile } from './source-files.ts'

const BELOW_HOSTS = ['protocol', 'core', 'storage', 'bridge']
const ADAPTER = {
  rooms: [...BELOW_HOSTS, 'hub', 'page', 'server'],
  packages: /^(react|react-dom|workbox-.+|@playwright\/test|node:.+)(\/.+)?$/,
}
const APP = { rooms: [], packages: /./ }

/** Each room, the rooms it may import from, and the packages. Only `bridge` knows Comlink, only `storage` knows idb. */
const FLOORS: { readonly [room: string]: { readonly rooms: readonly string[]; readonly packages: RegExp } } = {
  protocol: { rooms: [], packages: /^$/ },
  core: { rooms: ['protocol'], packages: /^$/ },
  storage: { rooms: ['protocol', 'core'], packages: /^idb$/ },
  bridge: { rooms: ['protocol', 'core'], packages: /^comlink$/ },
  hub: { rooms: BELOW_HOSTS, packages: /^$/ },
  page: { rooms: BELOW_HOSTS, packages: /^$/ },
  server: { rooms: BELOW_HOSTS, packages: /^(node:.+|ws|redis)$/ },
  testing: { rooms: ['protocol'], packages: /^(node:.+|ws)$/ },
  react: ADAPTER,
  element: ADAPTER,
  playwright: ADAPTER,
  sw: ADAPTER,
  demo: APP,
  // Client and server in one thread: the one room that sees both sides.
  sim: { rooms: [...BELOW_HOSTS, 'hub', 'page', 'server', 'sw', 'testing'], packages: /^(node:.+|vite)$/ },
  // They drive the demo as a person would, and `scripts` finds the browser for them.
  e2e: { ...APP, rooms: ['scripts', 'demo'] },
  bench: { ...APP, rooms: ['scripts', 'demo'] },
  chaos: { ...APP, rooms: ['scripts'] },
  // The same pages and the same scene as end to end, in other browsers.
  engines: { ...APP, rooms: ['scripts', 'e2e'] },
  // Hosts the session machine itself: five hundred hubs need no browsers.
  soak: { ...APP, rooms: ['scripts', 'core', 'storage', 'testing'] },
}

/** Holds every import to the floors. Returns one sentence per violation. */
export function checkFloors(files: readonly SourceFile[]): readonly string[] {
  const imports = new Map(files.map((file) => [file.path, boundImports(file)]))
  const misplaced = files.flatMap((file) => importsOf(file).flatMap((specifier) => checkImport(file, specifier)))
  return [...misplaced, ...cycles(imports)]
}

/** What a file's cycles are made of. A simulated thing knows the world it is in, by type only: that alone is no cycle. */
function boundImports(file: SourceFile): readonly string[] {
  if (roomOf(file.path) !== 'sim') return importsOf(file)
  return importsOf({ ...file, text: file.text.replaceAll(/^import type .*$/gm, '') })
}

function importsOf({ path, text }: SourceFile): readonly string[] {
  return ts.preProcessFile(text, true, path.endsWith('.mjs')).importedFiles.map(({ fileName }) => fileName)
}

function checkImport(file: SourceFile, specifier: string): readonly string[] {
  const { path } = file
  const room = roomOf(path)
  const floor = FLOORS[room]
  if (!floor) return [`${path}: ${room} is not a room of the floor table`]
  if (specifier.startsWith('.')) {
    const target = roomOf(resolve(path, specifier))
    const allowed = target === room || floor.rooms.includes(target) || (isTest(file) && target === 'testing')
    return allowed ? [] : [`${path}: ${room} may not import from ${target} (${specifier})`]
  }
  return isTest(file) || floor.packages.test(specifier) ? [] : [`${path}: ${room} may not import the package ${specifier}`]
}

const resolve = (path: string, specifier: string): string => posix.join(posix.dirname(path), specifier)

/** `src/core/x.ts` is in the room `core`, `demo/x.ts` in `demo`. */
function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  return top === 'src' ? second : top
}

function cycles(imports: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push(`cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`)
    if (done.has(path) || trail.includes(path)) return
    for (const specifier of imports.get(path) ?? []) if (specifier.startsWith('.')) visit(resolve(path, specifier), [...trail, path])
    done.add(path)
  }
  for (const path of imports.keys()) visit(path, [])
  return found
}
