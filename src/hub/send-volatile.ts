import type { NewMessage } from '../core/ports.ts'
import type { Runtime } from '../core/runtime.ts'
import { whyDropped } from '../core/sending.ts'
import { HoldfastError } from '../protocol/errors.ts'

/** Sends messages now, in one frame. Throws `not-connected` or `dropped` when none of them is sent: they are worth nothing later. */
export function sendVolatile(runtime: Runtime | null, messages: readonly NewMessage[], nowMs: number): void {
  if (!runtime) throw new HoldfastError('not-connected', 'there is no connection')
  const frame = frameOf(messages)
  const why = whyDropped(runtime.state, frame, messages.length, nowMs)
  if (why) throw HoldfastError.from(why)
  runtime.dispatch({ type: 'volatile', frame, count: messages.length })
}

/** Their data is JSON text already. */
function frameOf(messages: readonly NewMessage[]): string {
  const list = messages.map(({ id, channel, json }) => `{"id":"${id}","channel":${JSON.stringify(channel)},"data":${json}}`)
  return `{"type":"volatile","messages":[${list.join(',')}]}`
}
