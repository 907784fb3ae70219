import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { delimiter, resolve } from 'node:path'

/**
 * Runs one command of this repository (its own tools come first in the path) and collects what it prints.
 *
 * @param {string} command Program and arguments, separated by single spaces.
 * @param {{ isLive?: boolean, isIdle?: boolean }} [options] `isLive`: print while it runs, too. `isIdle`: leave the machine to whatever else wants it.
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
export function runCommand(command, { isLive = false, isIdle = false } = {}) {
  const [program = '', ...args] = command.split(' ')
  const PATH = resolve('node_modules/.bin') + delimiter + process.env['PATH']
  return new Promise((settle) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH } })
    if (isIdle && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
        if (isLive) process.stdout.write(text)
      })
    }
    child.on('error', (error) => settle({ ok: false, output: `${output}${error.message}\n` }))
    child.on('close', (code) => settle({ ok: code === 0, output }))
  })
}
