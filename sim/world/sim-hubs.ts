import type { HubMark, OtherHubs } from '../../src/hub/platform.ts'
import type { Process } from './process.ts'

/** The broadcast channels on which the hubs of one browser hear of each other. */
export class SimHubs {
  readonly #ends: { readonly process: Process; readonly scope: string; readonly listener: (mark: HubMark) => void }[] = []

  /** The end of one worker. */
  of(process: Process, scope: string): OtherHubs {
    return {
      tell: (mark) => {
        for (const end of this.#ends) {
          if (end.scope === scope && end.process !== process) end.process.post(() => end.listener(mark))
        }
      },
      listen: (listener) => void this.#ends.push({ process, scope, listener }),
    }
  }
}
