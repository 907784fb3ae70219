import type { NewMessage } from '../core/ports.ts'

/** The frame of messages that are sent once or not at all. Their data is JSON text already. */
export function volatileFrame(messages: readonly NewMessage[]): string {
  const list = messages.map(({ id, channel, json }) => `{"id":"${id}","channel":${JSON.stringify(channel)},"data":${json}}`)
  return `{"type":"volatile","messages":[${list.join(',')}]}`
}
