/** Whether a server takes clients: not yet, now, or not any more. */
export type Readiness = 'starting' | 'ready' | 'closing' | 'closed'
