import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { ObedientClient } from '../src/testing/obedient-client.ts'

const STOP_EVERY_MS = 60_000
const STOP_MS = 6_000

/** Runs an obedient client for `--minutes` (10), and says how that went; 0 when it was never closed. */
export async function obey(args: readonly string[], folder: string): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { minutes: { type: 'string', default: '10' } } })
  const server = fork(`${folder}/obeyed-server.mjs`)
  const [port] = (await once(server, 'message')) as [number]
  const stops = setInterval(() => {
    server.kill('SIGSTOP')
    setTimeout(() => server.kill('SIGCONT'), STOP_MS)
  }, STOP_EVERY_MS)
  const report = await new ObedientClient(`ws://127.0.0.1:${port}/live`).run(Number(values.minutes) * 60_000)
  clearInterval(stops)
  server.kill('SIGKILL')
  console.log(JSON.stringify(report, null, 2))
  return report.closed === null && report.sent === report.acknowledged ? 0 : 1
}
