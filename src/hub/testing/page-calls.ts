import type { HandedMessage, HubApi, Result, SendAnswer } from '../../bridge/contract.ts'
import type { HubPort } from '../../bridge/tab-end.ts'
import { callsOf } from '../../bridge/test-calls.ts'
import type { TakenCount } from '../../core/ports.ts'
import type { Id } from '../../protocol/messages.ts'

/** The calls of a hub as a page makes them: it names what it had heard before it handed a message over first. */
export type TestCalls = Omit<HubApi, 'send'> & {
  send(messages: readonly HandedMessage[], isAgain?: boolean): Promise<Result<readonly SendAnswer[]>>
  retry(parked: Id, newId: Id, isAgain?: boolean): Promise<Result<readonly SendAnswer[]>>
}

/** @param firstHeard what was heard before messages were handed over first, by their ids */
export function pageCalls(port: HubPort, firstHeard: Map<Id, TakenCount>, heard: TakenCount): TestCalls {
  const calls = callsOf(port)
  const send: TestCalls['send'] = async (messages, isAgain = false) => {
    const since = (isAgain && firstHeard.get(messages[0]?.id ?? '')) || heard
    for (const message of messages) firstHeard.set(message.id, since)
    const answer = await calls.send(messages, since, isAgain)
    const other = answer.ok ? answer.value.find((one) => 'taken' in one) : undefined
    if (!other) return answer
    for (const message of messages) firstHeard.set(message.id, other.taken)
    return calls.send(messages, other.taken, false)
  }
  const retry: TestCalls['retry'] = (parked, newId, isAgain) => send([{ id: newId, retryOf: parked }], isAgain)
  return Object.assign(Object.create(calls) as HubApi, { send, retry })
}
