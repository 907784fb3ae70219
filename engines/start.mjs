// The core scenarios in several engines: `npm run test:engines [-- chromium firefox webkit]`. Installs what is missing, runs, and prints the table. With all
// engines it is written to where people read it, too.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { findChromium } from '../scripts/find-chromium.mjs'
import { findFirefox } from '../scripts/find-firefox.mjs'
import { findWebKit } from '../scripts/find-webkit.mjs'
import { runCommand } from '../scripts/run-command.mjs'
import { engineTable, withTable } from './engine-table.mjs'

const REPORT = '.reports/engines.json'
const SHOWN_IN = ['docs/engines.md', 'README.md']
const finders = { chromium: findChromium, firefox: findFirefox, webkit: findWebKit }
const all = /** @type {(keyof typeof finders)[]} */ (Object.keys(finders))

const wanted = process.argv.slice(2)
const engines = all.filter((name) => wanted.length === 0 || wanted.includes(name))
if (wanted.some((name) => !all.some((known) => known === name))) throw new Error(`The engines are ${all.join(', ')}.`)
for (const name of engines) finders[name]()

rmSync(REPORT, { force: true })
process.env['HOLDFAST_ENGINES'] = engines.join(' ')
const { ok } = await runCommand(`vitest run --project engines --reporter=verbose --reporter=json --outputFile.json=${REPORT}`, {
  isLive: true,
})
const table = engineTable(readFileSync(REPORT, 'utf8'))
console.log(`\n${table}`)
if (engines.length === all.length) {
  for (const path of SHOWN_IN) writeFileSync(path, withTable(readFileSync(path, 'utf8'), table))
}
process.exit(ok ? 0 : 1)
