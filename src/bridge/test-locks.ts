import { PrivateLocks } from './private-locks.ts'

/** Web Locks in memory, for tests. `take` plays a holder that died, or a browser that took its lock away. */
export class TestLocks extends PrivateLocks {}
