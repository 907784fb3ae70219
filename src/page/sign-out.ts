import type { SignedOut } from '../bridge/contract.ts'
import type { HoldfastError } from '../protocol/errors.ts'
import type { HubLink } from './hub-link-api.ts'

/** Hubs that are asked, one after the other died over it. */
const HUBS = 3

/**
 * Has the hub sign the user out; `left` is called when the user has left, whether or not all went well.
 * Rejects with what `Connection.signOut` says.
 */
export async function signOut(link: HubLink, park: boolean, left: () => void): Promise<SignedOut> {
  for (let hubs = 1; ; hubs++) {
    try {
      const answer = await link.ask('signOut', park)
      left()
      return answer
    } catch (error) {
      const { code } = error as HoldfastError
      if (code === 'hub-failed' && hubs < HUBS) continue
      // The storage did not open, or this tab has ended: nothing was done, or others have said so.
      if (code !== 'hub-timeout' && code !== 'closed') left()
      throw error
    }
  }
}
