// Checks the types of every room with the room's own configuration, then tests, scripts and apps with the root's.
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { runCommand } from './run-command.mjs'

const rooms = readdirSync('src').map((room) => `src/${room}`)
const projects = [...rooms, 'sw', 'sw/register'].filter((room) => existsSync(room)).flatMap(projectsOf)
const waiting = ['tsconfig.json', ...projects]
let failed = false

async function work() {
  for (let project = waiting.shift(); project !== undefined; project = waiting.shift()) {
    const { ok, output } = await runCommand(`tsc -p ${project} --pretty false`)
    if (!ok) process.stdout.write(`${project}\n${output}`)
    failed ||= !ok
  }
}

/**
 * A room's configurations that have something to check.
 *
 * @param {string} room
 */
function projectsOf(room) {
  const files = readdirSync(room, { recursive: true, encoding: 'utf8' })
  const isTest = (/** @type {string} */ file) => file.endsWith('.test.ts')
  const sources = files.filter((file) => /\.tsx?$/.test(file))
  return files
    .filter((file) => (file === 'tsconfig.json' && !sources.every(isTest)) || (file === 'tsconfig.tests.json' && sources.some(isTest)))
    .map((file) => `${room}/${file}`)
}

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work))
process.exit(failed ? 1 : 0)
