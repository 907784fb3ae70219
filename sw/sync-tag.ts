/** Tag of the `sync` event that asks to send the outbox of a scope. */
export function syncTag(scope: string): string {
  return `holdfast:${scope}`
}

/** The scope in the tag of a `sync` event; `null` when the app registered it for something else. */
export function scopeOfTag(tag: string): string | null {
  return /^holdfast:([\w-]{22})$/.exec(tag)?.[1] ?? null
}

/** What a page says to the service worker that is about to be replaced. */
export const LEAVE = 'holdfast:leave'
