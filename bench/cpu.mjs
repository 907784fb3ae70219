import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks of /proc are 10 ms on every Linux. */
const TICK_MS = 10

/** @typedef {{ atMs: number, usedMs: Map<number, number> }} CpuReading Milliseconds used so far, by process id. */

/**
 * What a process and all its descendants have used. `null` where there is no /proc.
 *
 * @param {number} rootPid
 * @returns {CpuReading | null}
 */
export function readCpu(rootPid) {
  const processes = listProcesses()
  if (processes.length === 0) return null
  const usedMs = new Map()
  const found = new Set([rootPid])
  // A child has a higher id than its parent unless ids wrapped around: go on until nothing is added.
  for (let before = -1; before !== found.size;) {
    before = found.size
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid)
  }
  for (const process of processes) if (found.has(process.pid)) usedMs.set(process.pid, process.usedMs)
  return { atMs: performance.now(), usedMs }
}

/**
 * Milliseconds of CPU, and of time, between two readings.
 *
 * @param {CpuReading} before
 * @param {CpuReading} after
 */
export function cpuBetween(before, after) {
  let cpuMs = 0
  for (const [pid, used] of after.usedMs) cpuMs += used - (before.usedMs.get(pid) ?? 0)
  return { cpuMs, elapsedMs: after.atMs - before.atMs }
}

function listProcesses() {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => readProcess(Number(name)))
  } catch {
    return []
  }
}

/** @param {number} pid */
function readProcess(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold anything; fields are counted after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return [{ pid, parent: Number(fields[1]), usedMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS }]
  } catch {
    // It has ended since the directory was read.
    return []
  }
}
