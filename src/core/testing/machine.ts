import { sendsAtOnce } from '../sending.ts'
import type { HubSettings } from '../settings.ts'
import type { CoreEvent, Effect, Told } from '../events.ts'
import { emptyOutbox } from '../outbox.ts'
import type { OutboxState } from '../ports.ts'
import { initialState, type CoreState } from '../state.ts'
import { transition } from '../transition.ts'
import type { SendOnly, ServerMessage, SessionInit, SessionRestored } from '../../protocol/messages.ts'
import { CLIENT, SENDER, entry, settings as defaults, welcome as anyWelcome } from './frames.ts'

/** {@link transition} with its state kept, and words for what tests ask of it. */
export interface Machine {
  state: CoreState
  nowMs: number
  fraction: number
  /** Everything wanted since {@link Machine.take} was called last. */
  readonly effects: Effect[]
  feed(...events: readonly CoreEvent[]): Machine
  frame(...messages: readonly ServerMessage[]): Machine
  /** Effects since the last call. */
  take(): Effect[]
  /** What was put on the socket since the last call, decoded. */
  sent(): unknown[]
  /** What was told since the last call. */
  told(): Told[]
  /** Goes through a whole try up to the answer. */
  connect(answer?: SessionInit | SessionRestored | SendOnly): Machine
  /** Connects, and the store has the answer. */
  identify(answer?: SessionInit | SessionRestored | SendOnly): Machine
  /** The store takes in messages with the next numbers. */
  append(...names: readonly (string | number)[]): Machine
  /** The store has done what was asked of `sentThrough` so far. */
  raised(): Machine
}

/** Makes a machine that rests. */
export function createMachine(
  settings: HubSettings = defaults(),
  outbox: OutboxState = emptyOutbox(CLIENT, SENDER),
  sendOnly: string | null = null,
): Machine {
  const machine: Machine = {
    state: initialState(settings, null, outbox, sendOnly),
    nowMs: 1_000_000,
    fraction: 0,
    effects: [],
    feed(...events) {
      for (const event of events) {
        const next = transition(machine.state, event, { nowMs: machine.nowMs, storeMs: machine.nowMs, fraction: machine.fraction })
        machine.state = next.state
        machine.effects.push(...next.effects)
      }
      return machine
    },
    frame: (...messages) => machine.feed(...messages.map((message): CoreEvent => ({ type: 'frame', message }))),
    take: () => machine.effects.splice(0),
    sent: () => machine.take().flatMap((effect) => (effect.type === 'send' ? [JSON.parse(effect.text) as unknown] : [])),
    told: () => machine.take().flatMap((effect) => (effect.type === 'tell' ? [effect.told] : [])),
    connect(answer = anyWelcome()) {
      const first: CoreEvent = machine.state.phase.name === 'resting' ? { type: 'start' } : { type: 'retry' }
      return machine.feed(first, { type: 'credential', credential: 'secret' }, { type: 'opened' }).frame(answer)
    },
    identify: (answer) => machine.connect(answer).feed({ type: 'identified', link: machine.state.links }),
    append(...names) {
      const { client, next } = machine.state.outbox
      const entries = names.map((name, at) => entry(next + at, name))
      return machine.feed({ type: 'appended', client, entries, sent: sendsAtOnce(machine.state) })
    },
    raised() {
      const { client } = machine.state.outbox
      const asked = machine.effects.flatMap((effect) => (effect.type === 'raise-sent-through' ? [effect.n] : []))
      return machine.feed(...asked.map((n): CoreEvent => ({ type: 'sent-through', client, n })))
    },
  }
  return machine
}
