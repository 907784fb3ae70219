import { HoldfastError } from '../protocol/errors.ts'
import type { Platform } from './platform.ts'

/** What the browser says of the storage of this origin. */
export interface StorageFacts {
  /** Bytes in use, by everything of the origin; browsers round it. `null` where the browser does not say. */
  readonly usage: number | null
  /** Bytes the origin may use; `null` like `usage`. */
  readonly quota: number | null
  /** Whether only the user can take it away. */
  readonly persisted: boolean
}

/** Asks the browser. Rejects with `storage-failed` when it fails. */
export async function storageFacts({ storage }: Platform): Promise<StorageFacts> {
  try {
    const [estimate, persisted] = await Promise.all([storage?.estimate(), storage?.persisted()])
    return { usage: estimate?.usage ?? null, quota: estimate?.quota ?? null, persisted: persisted ?? false }
  } catch (cause) {
    throw failed(cause)
  }
}

/** Asks not to have the storage taken away. What comes of it is in {@link storageFacts}. */
export async function persist({ storage }: Platform): Promise<void> {
  try {
    if (!(await storage?.persisted())) await storage?.persist()
  } catch (cause) {
    throw failed(cause)
  }
}

function failed(cause: unknown): HoldfastError {
  return new HoldfastError('storage-failed', `The browser gives no word on its storage: ${String(cause)}`, { cause })
}
