import type { AttachRequest, TabApi } from '../bridge/contract.ts'
import type { ErrorData } from '../protocol/errors.ts'
import type { TroubleOwner } from './start-troubles.ts'

/** What the link tells and asks of the connection it serves. */
export interface LinkOwner extends TroubleOwner {
  readonly api: TabApi
  /** What this tab says of itself now. */
  introduce(): Omit<AttachRequest, 'bridge' | 'tab' | 'attempt' | 'lock' | 'returning'>
  attached(): void
  /** Whatever hub was there is not there any more; told as soon as it is known. */
  lost(): void
  /** This is another hub than before. What it has told since the introduction holds, everything older does not. */
  replaced(): void
  /** The hub will not have this tab. The link has stopped. */
  refused(error: ErrorData): void
}
