import type { Clock, Store, StoredState } from '../core/ports.ts'
import type { HubSettings } from '../core/settings.ts'
import { HoldfastError } from '../protocol/errors.ts'
import type { HubPlatform } from './platform.ts'

/** How long opening and reading may take. A hub that hangs in the midst of a transaction keeps the database from everybody for as long as its worker lives. */
const OPEN_DEADLINE_MS = 15_000

/** Opens the durable store, or the one in memory when the browser gives no other; `failed` is told why. */
export async function openStore(
  platform: Pick<HubPlatform, 'durableStore' | 'memoryStore' | 'clock'>,
  settings: HubSettings,
  failed: (error: unknown) => void,
): Promise<[Store, StoredState]> {
  const durable = platform.durableStore(settings)
  try {
    return [durable, await withDeadline(platform.clock, durable.open())]
  } catch (error) {
    durable.close()
    failed(error)
    const memory = platform.memoryStore(settings)
    return [memory, await memory.open()]
  }
}

function withDeadline<T>(clock: Clock, opening: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = new HoldfastError('storage-failed', `The database could not be read within ${OPEN_DEADLINE_MS} ms.`)
    const cancel = clock.setTimer(OPEN_DEADLINE_MS, () => reject(late))
    opening.then(resolve, reject).finally(cancel)
  })
}
