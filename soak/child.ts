import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Sample } from './sample.ts'

/** A question to a process of the soak. */
export interface Asked {
  readonly id: number
  readonly question: 'sample' | 'idle' | 'quiet' | 'busy'
}

/** A process of the soak. */
export interface Child {
  /** What it said when it was ready. */
  readonly ready: Sample
  ask(question: Asked['question']): Promise<Sample>
  stop(): Promise<void>
}

/** Starts a program; rejects, as every later question does, when it ends by itself. */
export async function startChild(program: string, args: readonly string[]): Promise<Child> {
  // Compiled code is no leak, but grows for long: it is not compiled further than to bytecode, which then stays.
  const child = fork(program, args, { execArgv: ['--expose-gc', '--no-opt', '--no-sparkplug', '--no-flush-bytecode'] })
  const waiting = new Map<number, (value: Sample) => void>()
  let asked = 0
  const ended = once(child, 'exit').then(([code, signal]): never => {
    throw new Error(`${program} ended: ${String(code)} ${String(signal)}`)
  })
  ended.catch(() => {})
  const answer = (id: number): Promise<Sample> => Promise.race([ended, new Promise<Sample>((resolve) => waiting.set(id, resolve))])
  child.on('message', ({ id, value }: { id: number; value: Sample }) => {
    waiting.get(id)?.(value)
    waiting.delete(id)
  })
  const ready = await answer(0)
  return {
    ready,
    ask(question) {
      const id = ++asked
      child.send({ id, question } satisfies Asked)
      return answer(id)
    },
    async stop() {
      child.disconnect()
      await ended.catch(() => {})
    },
  }
}
