import { ClientLane } from './client-lane.ts'
import type { LaneConnection, LaneHost } from './lane-host.ts'
import type { Id } from '../protocol/index.ts'

/** The lanes of the clients that are connected, or whose numbers are still on their way. */
export class Lanes {
  readonly #host: LaneHost
  readonly #byClient = new Map<Id, ClientLane>()

  constructor(host: LaneHost) {
    this.#host = host
  }

  /** Client ids with a lane. */
  clients(): Id[] {
    return [...this.#byClient.keys()]
  }

  /** Whether a client is connected, or has numbers on their way. */
  has(client: Id): boolean {
    return this.#byClient.has(client)
  }

  /** The client's record has no more room: its connections end. */
  crowd(client: Id): void {
    this.#byClient.get(client)?.crowd()
  }

  /** Numbers on their way in all lanes. */
  waiting(): number {
    let waiting = 0
    for (const lane of this.#byClient.values()) waiting += lane.length
    return waiting
  }

  /** The lane of a client, for one more connection; each call is followed by one `leave`. */
  enter(client: Id, connection: LaneConnection): ClientLane {
    let lane = this.#byClient.get(client)
    if (lane === undefined) {
      lane = new ClientLane(client, this.#host)
      this.#byClient.set(client, lane)
    }
    lane.connections.add(connection)
    lane.dropLeftovers()
    return lane
  }

  /** A connection is gone. Its lane goes when nothing is on its way any more. */
  leave(lane: ClientLane, connection: LaneConnection): void {
    lane.connections.delete(connection)
    lane.confirmed()
    void lane.whenIdle().then(() => {
      if (lane.connections.size > 0 || !lane.isIdle || this.#byClient.get(lane.client) !== lane) return
      this.#byClient.delete(lane.client)
      this.#host.engine.touch([], [lane.client])
      lane.record?.pack()
    })
  }

  /** Resolves when nothing of this client is on its way. */
  async whenIdle(client: Id): Promise<void> {
    await this.#byClient.get(client)?.whenIdle()
  }

  /** The server closes: drops what was not begun, and takes nothing more. Resolves when what was begun is committed. */
  async stop(): Promise<void> {
    const lanes = [...this.#byClient.values()]
    for (const lane of lanes) lane.stop()
    await Promise.all(lanes.map((lane) => lane.whenIdle()))
  }
}
