import { spawn } from 'node:child_process'

/**
 * Runs a bundle of the simulator in a process of its own.
 *
 * @param {string} script
 * @param {number} from first seed
 * @param {number} count
 * @param {'all' | 'until-caught' | 'trace'} mode
 * @returns {Promise<{ report: import('./run.ts').Report, lines: string[] }>} what it found, and the lines before that: the trace, if that was asked for
 */
export function runBundle(script, from, count, mode) {
  // Microtasks are run by the simulator itself; and what lives for one simulation only shall die young.
  const flags = ['--allow-natives-syntax', '--max-semi-space-size=64', '--import', new URL('no-finalizers.mjs', import.meta.url).href]
  const child = spawn(process.execPath, [...flags, script, String(from), String(count), mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text) => (output += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`the simulator ended with code ${code}, somewhere from seed ${from} on`))
      const lines = output.trimEnd().split('\n')
      resolve({ report: JSON.parse(lines.pop() ?? ''), lines })
    })
  })
}
