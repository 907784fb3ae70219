import { describe, expect, it } from 'vitest'
import { ChannelLog } from './channel-log.ts'
import { Channels } from './channels.ts'
import type { Engine } from './engine.ts'
import { Flusher } from './flusher.ts'
import { FakeClock } from './testing/fake-clock.ts'
import { freshId } from './testing/fake-peer.ts'
import type { Receiver } from './receiver.ts'

const receiver = {} as Receiver

describe('Channels', () => {
  it.each<[string, () => never]>([
    [
      'at once',
      () => {
        throw new Error('down')
      },
    ],
    ['later', () => Promise.reject(new Error('down')) as never],
  ])('[I24] [I30] gives back the hold of a channel that could not be opened: an engine that fails %s', async (_, fail) => {
    const released: string[] = []
    let isDown = true
    const log = new ChannelLog(freshId(), { messages: 1, bytes: 1_024, ageMs: 1_000 })
    const engine = { open: () => (isDown ? fail() : log), release: (key: string) => void released.push(key) } as unknown as Engine
    const channels = new Channels(engine, new Flusher(new FakeClock()), 1_000)
    const open = async (): Promise<unknown> => channels.open('a')
    await expect(open()).rejects.toThrow('down')
    expect(released).toEqual(['a'])
    isDown = false
    const shared = await channels.open('a')
    if (typeof shared === 'string') throw new Error(shared)
    channels.leave(shared, receiver)
    expect([released, channels.size]).toEqual([['a', 'a'], 0])
  })
})

describe('Flusher', () => {
  it('[I32] goes on with the others after one that fails', async () => {
    const clock = new FakeClock()
    const flusher = new Flusher(clock)
    const flushed: string[] = []
    flusher.mark({
      flush: () => {
        throw new Error('one of many')
      },
    })
    flusher.mark({ flush: () => void flushed.push('next') })
    expect(() => flusher.run()).toThrow('one of many')
    await clock.settle()
    flusher.mark({ flush: () => void flushed.push('later') })
    await clock.settle()
    expect(flushed).toEqual(['next', 'later'])
  })
})
