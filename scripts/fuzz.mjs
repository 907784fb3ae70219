// The fuzz tests by hand: `npm run fuzz -- --frames 1000000 --seed 7`. Without a seed every run is another; each says which it was.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runCommand } from './run-command.mjs'

const { values } = parseArgs({ options: { frames: { type: 'string', default: '1000000' }, seed: { type: 'string' } } })
process.env['HOLDFAST_FUZZ_FRAMES'] = values.frames
process.env['HOLDFAST_FUZZ_SEED'] = values.seed ?? String(randomInt(2 ** 31))
const { ok } = await runCommand('vitest run frame-fuzz call-fuzz --project=unit --no-file-parallelism --disable-console-intercept', {
  isLive: true,
})
process.exit(ok ? 0 : 1)
