import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file of the repository: its path from the root, with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** All TypeScript and JavaScript files under the given folders, build output left out. Folders that do not exist are empty. */
export function sourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name).replaceAll('\\', '/')))
    .filter((path) => /\.(ts|tsx|mjs)$/.test(path) && !/(^|\/)(dist|node_modules)\//.test(path))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }))
}

/** Whether the file is a test, or a suite that tests share. */
export function isTest({ path, text }: SourceFile): boolean {
  return /\.(test|test-d|spec)\.tsx?$/.test(path) || text.includes("from 'vitest'")
}
