import type { ChannelLog } from '../../src/server/channel-log.ts'
import type { World } from '../world/world.ts'
import type { Place } from './stream.ts'

/** Where a message stands for ever. */
export interface LogEntryFacts extends Place {
  readonly key: string
}

/** Every message that was ever in a log, and where. */
export class LogBook {
  readonly #world: World
  readonly #entries = new Map<string, LogEntryFacts>()
  readonly #at = new Map<string, string>()
  readonly #heads = new Map<string, Place>()

  constructor(world: World) {
    this.#world = world
  }

  /** Reads what was appended since the last time. */
  read(key: string, log: ChannelLog): void {
    const { epoch } = log
    const known = this.#heads.get(key)
    let offset = Math.max(known?.epoch === epoch ? known.offset : 0, log.lo - 1)
    while (offset < log.head) {
      const { body, to } = log.read(offset, log.head)
      for (const message of JSON.parse(`[${body}]`) as { offset: number; id: string }[]) this.#enter(key, epoch, message)
      offset = to
    }
    this.#heads.set(key, { epoch, offset: log.head })
  }

  entryOf(id: string): LogEntryFacts | undefined {
    return this.#entries.get(id)
  }

  headOf(key: string): Place | undefined {
    return this.#heads.get(key)
  }

  #enter(key: string, epoch: string, { offset, id }: { offset: number; id: string }): void {
    const place = `${key} ${epoch} ${offset}`
    const before = this.#at.get(place)
    this.#world.check.holds(before === undefined || before === id, 'I19', () => `${place} was ${before} and is ${id}`)
    this.#at.set(place, id)
    this.#entries.set(id, { key, epoch, offset })
    this.#world.totals.count('messages published')
  }
}
