import type { EngineHost } from '../engine.ts'

/**
 * Everything that an engine calls while it works, as steps of which one fails: its host's functions, and whatever an
 * engine of another kind puts through `step`
 * (a statement, a command, a packet).
 */
export class FailingSteps {
  #left = Infinity
  #hasFailed = false

  /** Whether the step that was to fail has come since. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** From now on so many steps go well, and the next one fails. */
  failAfter(steps: number): void {
    this.#left = steps
    this.#hasFailed = false
  }

  /** Nothing fails any more. */
  calm(): void {
    this.#left = Infinity
  }

  /** One step; throws instead when its turn has come. */
  step<T>(work: () => T): T {
    if (this.#left-- === 0) {
      this.#hasFailed = true
      throw new Error('a step failed')
    }
    return work()
  }

  /** The host, with each of its functions a step. What it is told comes before the step fails: it has happened. */
  hostOf(host: EngineHost): EngineHost {
    const { clock, random } = host
    return {
      ...host,
      clock: {
        nowMs: () => this.step(() => clock.nowMs()),
        wallMs: () => this.step(() => clock.wallMs()),
        setTimer: (delayMs, run) => this.step(() => clock.setTimer(delayMs, run)),
        soon: (run) => this.step(() => clock.soon(run)),
      },
      random: { id: () => this.step(() => random.id()), token: () => this.step(() => random.token()) },
      history: (channel) => this.step(() => host.history(channel)),
      isSessionUsed: (session) => this.step(() => host.isSessionUsed(session)),
      isClientUsed: (client) => this.step(() => host.isClientUsed(client)),
      changed: (key) => {
        host.changed(key)
        this.step(() => {})
      },
      fenced: (session, connection) => {
        host.fenced(session, connection)
        this.step(() => {})
      },
      ended: (ending) => {
        host.ended(ending)
        this.step(() => {})
      },
      crowded: (client) => {
        host.crowded(client)
        this.step(() => {})
      },
      count: (name, times) => {
        host.count(name, times)
        this.step(() => {})
      },
    }
  }
}
