import type { Disk } from '../world/disk.ts'
import type { World } from '../world/world.ts'

/** Holds what a database keeps of an outbox to the rules, transaction by transaction. */
export class StoredOutbox {
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** A transaction has happened. */
  stored(disk: Disk, call: string): void {
    const { check } = this.#world
    const outbox = disk.contents.stored?.outbox
    if (!outbox) return
    if (call === 'bury' || call === 'recalled') check.upward.putAside(disk)
    const { entries, acked, next } = outbox
    const isGapless =
      entries.length === next - 1 - acked && (entries.length === 0 || (entries[0]?.n === acked + 1 && entries.at(-1)?.n === next - 1))
    check.holds(isGapless, 'I3', () => `${call}: ${entries.length} entries between ${acked} and ${next}`)
    check.holds(outbox.sentThrough < next, 'I3', () => `${call}: sent through ${outbox.sentThrough} of ${next}`)
  }

  /** Entries are about to be deleted on the strength of an ack, unless the store refuses it. @returns to be called when they are */
  settles(disk: Disk, through: number, id: string): () => void {
    const { check } = this.#world
    const { outbox } = disk.contents.stored ?? {}
    if (!outbox || through <= outbox.acked) return () => {}
    const settled = outbox.entries.filter((entry) => entry.n <= through && entry.skip === undefined)
    return () => {
      for (const entry of settled) {
        const isCovered = check.upward.wasCommitted(outbox.client, entry.n, entry.id)
        check.holds(
          isCovered,
          'I2',
          () => `${entry.id}, number ${entry.n}, is deleted by an ack of ${through} ${id} and was never committed`,
        )
      }
    }
  }
}
