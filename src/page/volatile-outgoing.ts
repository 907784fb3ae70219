import type { HubApi, Result } from '../bridge/contract.ts'
import type { NewMessage } from '../core/ports.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { Sending } from './sent-message.ts'

/** Sends messages that are worth nothing later: those of one microtask in one call, or none of them when there is no connection. */
export type SendVolatile = (message: NewMessage, sending: Sending) => void

/** Makes the way. `call` answers `hub-failed` when there is no hub. */
export function createVolatileOutgoing(call: (run: (hub: HubApi) => Promise<Result<null>>) => Promise<Result<null>>): SendVolatile {
  let group: { readonly message: NewMessage; readonly sending: Sending }[] = []

  async function flush(): Promise<void> {
    const mine = group
    group = []
    const answer = await call((hub) => hub.sendVolatile(mine.map(({ message }) => message)))
    for (const { sending } of mine) {
      if (answer.ok) sending.left()
      else if (answer.error.code === 'hub-failed') sending.failed(new HoldfastError('not-connected', 'There is no connection.'))
      else sending.failed(HoldfastError.from(answer.error))
    }
  }

  return (message, sending) => {
    if (group.push({ message, sending }) === 1) queueMicrotask(() => void flush())
  }
}
