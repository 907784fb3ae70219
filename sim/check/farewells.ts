import type { World } from '../world/world.ts'

/** A server that stops says goodbye to nobody for whom it is still at work, as long as it has time. */
export class Farewells {
  readonly #world: World
  readonly #dismissed = new Set<string>()
  #drainEndsMs = 0

  constructor(world: World) {
    this.#world = world
  }

  /** A server begins to stop. */
  begun(drainMs: number): void {
    this.#dismissed.clear()
    this.#drainEndsMs = this.#world.schedule.nowMs + drainMs
  }

  /** It says goodbye to a client. */
  said(client: string): void {
    if (this.#world.server.isRetiring) this.#dismissed.add(client)
  }

  /** A number of a client commits. */
  committed(client: string, n: number): void {
    const { check, schedule, server, totals } = this.#world
    if (!server.isRetiring || schedule.nowMs >= this.#drainEndsMs) return
    totals.count('committed by a server that stops')
    check.holds(!this.#dismissed.has(client), 'SD1', () => `number ${n} of ${client} commits after the goodbye to it`)
  }
}
