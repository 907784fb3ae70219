import type { Store, StoredState } from '../core/ports.ts'
import type { HubSettings } from '../core/settings.ts'
import type { HubPlatform } from './platform.ts'

/** Opens the durable store, or the one in memory when the browser gives no other; `failed` is told why. */
export async function openStore(
  platform: Pick<HubPlatform, 'durableStore' | 'memoryStore'>,
  settings: HubSettings,
  failed: (error: unknown) => void,
): Promise<[Store, StoredState]> {
  const durable = platform.durableStore(settings)
  try {
    return [durable, await durable.open()]
  } catch (error) {
    failed(error)
    const memory = platform.memoryStore(settings)
    return [memory, await memory.open()]
  }
}
