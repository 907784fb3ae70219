// Holdfast beside its peers and the bare limits: `npm run bench [-- --quick] [--only id,id] [--rounds N] [--json FILE]`.
// Contenders take turns, so that what else the machine does meets all of them alike. Only ratios within one run mean anything.
import { rm, writeFile } from 'node:fs/promises'
import { buildPages } from './build-pages.mjs'
import { DELIVERY_IDS, measureDelivery } from './measures/delivery.mjs'
import { measureOutbox, OUTBOX_IDS } from './measures/outbox.mjs'
import { measureSize } from './measures/size.mjs'
import { measureSockets } from './measures/sockets.mjs'
import { readOptions } from './options.mjs'
import { makeRow, PLANS } from './rows.mjs'
import { formatTable } from './table.mjs'

const { json, rounds, peers, seconds, wants } = readOptions(process.argv.slice(2))
/** @type {Map<string, Record<string, number | null>[]>} */
const results = new Map()
const site = await buildPages()

try {
  for (let round = 1; round <= rounds; round++) {
    if (DELIVERY_IDS.some(wants)) {
      for (const contender of ['holdfast', ...peers, 'port']) {
        await take(contender, `delivery, round ${round} of ${rounds}`, () => measureDelivery(contender, { site, seconds, wants }))
      }
    }
    if (OUTBOX_IDS.some(wants)) {
      await take('holdfast', `outbox, round ${round} of ${rounds}`, () => measureOutbox('holdfast', 'holdfast-outbox', site))
      await take('raw-outbox', `outbox, round ${round} of ${rounds}`, () => measureOutbox('port', 'raw-outbox', site))
    }
  }
  if (wants('sockets.tabs20')) {
    for (const contender of ['holdfast', ...peers]) await take(contender, '20 tabs', () => measureSockets(contender, site))
  }
  if (wants('size.page')) {
    await take('holdfast', 'size', () => measurePage(`import { connect } from 'holdfast'; globalThis.connect = connect`))
    await take('socket.io', 'size', () => measurePage(`import { io } from 'socket.io-client'; globalThis.io = io`))
  }
  if (wants('size.hub')) await take('holdfast', 'size', async () => ({ 'size.hub': await measureSize(`import 'holdfast/hub'`) }))
} finally {
  await rm(site, { recursive: true })
}

const rows = PLANS.filter(({ id }) => wants(id)).map((plan) => makeRow(plan, results))
console.log(`\n${formatTable(rows)}\n\n${rounds} rounds, medians. ${rows.filter(({ met }) => met === false).length} goals missed.`)
if (json !== undefined) await writeFile(json, `${JSON.stringify(rows, undefined, 2)}\n`)

/** @param {string} source */
async function measurePage(source) {
  return { 'size.page': await measureSize(source) }
}

/**
 * @param {string} contender
 * @param {string} what
 * @param {() => Promise<Record<string, number | null>>} measure
 */
async function take(contender, what, measure) {
  const startedAt = performance.now()
  const samples = await measure()
  results.set(contender, [...(results.get(contender) ?? []), samples])
  console.log(`${contender}: ${what} (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`)
}
