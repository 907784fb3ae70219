// Some of the clients, in a process of their own: `node --expose-gc clients.mjs <url> <first> <count>`, driven over IPC.
import type { Asked } from './child.ts'
import { openClient, type SoakClient } from './client.ts'
import { sampleProcess, type Sample } from './sample.ts'

/** A client sends this often, on average. */
const SEND_EVERY_MS = 20_000
const STEP_MS = 100
/** A server remembers the last 32 numbers of a client: from the beginning on, so that this does not look like growth. */
const REMEMBERED = 40

const [url = '', first = '', count = ''] = process.argv.slice(2)
const clients: SoakClient[] = []
let isQuiet = false
let at = 0
let owed = 0

setInterval(() => {
  if (isQuiet) return
  for (owed += (clients.length * STEP_MS) / SEND_EVERY_MS; owed >= 1; owed--) clients[at++ % clients.length]?.send()
}, STEP_MS)

function sample(): Sample {
  const sums: Record<string, number> = {}
  for (const { counts } of clients) for (const [name, value] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + value
  return { ...sampleProcess(), ...sums, idle: clients.filter((client) => client.isIdle()).length }
}

process.on('message', ({ id, question }: Asked) => {
  if (question === 'quiet' || question === 'busy') isQuiet = question === 'quiet'
  // A collection stops everything: only for samples.
  const value = question === 'sample' ? sample() : { idle: clients.filter((client) => client.isIdle()).length }
  process.send?.({ id, value })
})
process.on('disconnect', () => process.exit(0))

for (let number = Number(first); number < Number(first) + Number(count); number++) clients.push(await openClient(url, number))
for (const client of clients) for (let sent = 0; sent < REMEMBERED; sent++) client.send({ silent: true })
process.send?.({ id: 0, value: {} })
